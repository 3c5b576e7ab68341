"""Workers that are at work, each with a lease that it renews."""

from datetime import datetime

from sqlmodel import Field, SQLModel

from app.database.types import UtcDateTime


class Worker(SQLModel, table=True):
    """A row is a lease: who has none may neither write nor act on Azure. Moments are by the database's clock."""

    __tablename__ = "worker"

    id: str = Field(primary_key=True)  # the engine's executor
    host: str
    pid: int
    version: str
    started_at: datetime = Field(sa_type=UtcDateTime)
    renewed_at: datetime = Field(sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime)
