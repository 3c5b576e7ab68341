"""Pipelines of others that are held until a release serves. Written by ``gates.service`` alone."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from app.database.indexes import index_where
from app.database.types import JsonColumn, UtcDateTime, word_column
from app.documents.json_object import Json


class CiSystem(StrEnum):
    GITHUB = "github"
    AZURE_PIPELINES = "azure_pipelines"


class GateState(StrEnum):
    WAITING = "waiting"
    APPROVED = "approved"
    REJECTED = "rejected"


OPEN = "state = 'waiting'"


class Gate(SQLModel, table=True):
    """One run that waits at one environment. Who asks again for the same, asks for this one."""

    __tablename__ = "gate"
    __table_args__ = (index_where("ix_gate_waiting", "model", where=OPEN),)

    id: str = Field(primary_key=True)
    system: CiSystem = Field(sa_type=word_column(CiSystem))
    model: str
    stage: str
    git_commit: str  # of the run, and of the training job whose model is released
    callback: Json = Field(sa_column=Column(JsonColumn, nullable=False))  # where and how it is answered
    token: str | None = None  # to answer with, encrypted; forgotten with the decision
    state: GateState = Field(default=GateState.WAITING, sa_type=word_column(GateState))
    sentence: str = ""
    release_id: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime, index=True)
    decided_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
