"""Definitions as they were applied. Written by ``definitions.service`` alone; a version never changes."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.database.types import JsonColumn, UtcDateTime


class DefinitionVersion(SQLModel, table=True):
    """One definition of one model, with the bundle that it was read from."""

    __tablename__ = "definition_version"
    __table_args__ = (UniqueConstraint("model", "version"),)

    id: int | None = Field(default=None, primary_key=True)
    model: str = Field(index=True)
    version: int
    bundle_digest: str = Field(foreign_key="bundle.digest")
    content: dict[str, Any] = Field(sa_column=Column(JsonColumn, nullable=False))  # the Definition as JSON
    applied_at: datetime = Field(sa_type=UtcDateTime)
    applied_by: str
    note: str | None = None
