"""What a team's own code wrote, kept apart from the record: it may hold what nobody should read, and can be deleted."""

from datetime import datetime

from sqlalchemy import Column
from sqlmodel import Field, SQLModel

from app.database.indexes import index_where
from app.database.types import JsonColumn, UtcDateTime
from app.documents.json_object import Json


class Evidence(SQLModel, table=True):
    """The last lines of one log. The chain of events holds ``digest`` alone. Written by ``evidence.service``."""

    __tablename__ = "evidence"
    __table_args__ = (index_where("ix_evidence_kept", "expires_at", where="text IS NOT NULL"),)

    id: str = Field(primary_key=True)
    subject: str = Field(index=True)  # what it explains: a step run's id, or ``job:<id>``
    kind: str
    model: str | None = None
    salt: str | None = None  # random: without it nobody can try out what a deleted text said
    text: str | None = None  # None: deleted
    digest: str  # SHA-256 over salt and text
    size: int  # characters of the text
    created_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)  # then its text is deleted
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deleted_by: str | None = None


class MeasurementReport(SQLModel, table=True):
    """What a step measured before it came to a verdict. The chain of events holds ``digest``. Written by ``evidence.reports``."""

    __tablename__ = "measurement_report"

    id: str = Field(primary_key=True)
    subject: str = Field(index=True)  # the step run's id
    kind: str
    model: str
    verdict: str
    document: Json = Field(sa_column=Column(JsonColumn, nullable=False))
    digest: str  # SHA-256 over the document's canonical JSON
    created_at: datetime = Field(sa_type=UtcDateTime)
