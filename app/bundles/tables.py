"""Archives that somebody sent, kept by what is in them."""

from datetime import datetime

from sqlalchemy import Column, LargeBinary
from sqlmodel import Field, SQLModel

from app.database.types import UtcDateTime


class Bundle(SQLModel, table=True):
    """A folder as .tar.gz. ``digest`` is over the files, not over the archive."""

    __tablename__ = "bundle"

    digest: str = Field(primary_key=True)
    archive: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    size: int  # bytes of the archive
    created_at: datetime = Field(sa_type=UtcDateTime)
