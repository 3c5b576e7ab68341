"""Responses that were given under an idempotency key."""

from datetime import datetime

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel

from app.database.types import UtcDateTime


class IdempotentAnswer(SQLModel, table=True):
    """The first response to one actor's request under one key."""

    __tablename__ = "idempotent_answer"

    actor: str = Field(primary_key=True)
    route: str = Field(primary_key=True)  # method and path
    key: str = Field(primary_key=True)
    request_digest: str
    status: int
    location: str | None = None
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    at: datetime = Field(sa_type=UtcDateTime, index=True)
