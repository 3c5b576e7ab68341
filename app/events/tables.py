"""The record of events, and where it ends. Written by ``events.work`` alone."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from app.database.indexes import index_where
from app.database.types import JsonColumn, UtcDateTime

ABOUT_RIGHTS = "kind IN ('token.created', 'token.revoked', 'model.applied', 'session.opened')"
ABOUT_FREEZES = "kind IN ('freeze.created', 'freeze.deleted')"
ABOUT_DEFINITIONS = "kind = 'model.applied'"
ABOUT_LOST_WORKERS = "kind = 'worker.lost'"


class Event(SQLModel, table=True):
    """One thing that happened. Append-only; ``hash`` covers the content and the hash of the event before."""

    __tablename__ = "event"
    __table_args__ = (
        Index("ix_event_release_seq", "release_id", "seq"),
        Index("ix_event_model_seq", "model", "seq"),
        # Few events: those that say of a row that it counts. Looked for with each request that has a token.
        index_where("ix_event_about_rights", "subject", where=ABOUT_RIGHTS),
        # Looked for whenever something is to begin.
        index_where("ix_event_about_freezes", "seq", where=ABOUT_FREEZES),
        # Looked for with each request for a release: few of all the events of a model.
        index_where("ix_event_about_definitions", "model", where=ABOUT_DEFINITIONS),
        index_where("ix_event_about_lost_workers", "seq", where=ABOUT_LOST_WORKERS),
    )

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=UtcDateTime)
    kind: str
    model: str | None = None
    release_id: str | None = None
    subject: str
    actor: str
    via: str
    request_id: str | None = None
    data: dict[str, Any] = Field(sa_column=Column(JsonColumn, nullable=False))
    previous: str
    hash: str


class EventHead(SQLModel, table=True):
    """The one row that says where the chain ends. Whoever appends holds its lock: numbers have no gaps."""

    __tablename__ = "event_head"

    id: int = Field(primary_key=True, default=1)
    seq: int = 0
    hash: str = ""
