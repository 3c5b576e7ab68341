"""The decisions of people on rollouts."""

from datetime import datetime

from sqlalchemy import UniqueConstraint
from sqlmodel import Field, SQLModel

from app.database.types import UtcDateTime


class Decision(SQLModel, table=True):
    """One person's word on one rollout, bound to the digest of what it would do."""

    __tablename__ = "decision"
    __table_args__ = (UniqueConstraint("rollout_id", "attempt", "actor"),)

    id: int | None = Field(default=None, primary_key=True)
    rollout_id: str = Field(foreign_key="rollout.id", index=True)
    attempt: int
    approve: bool
    actor: str
    via: str
    reason: str
    plan_digest: str
    at: datetime = Field(sa_type=UtcDateTime)
