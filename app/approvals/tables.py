"""The decisions of people on rollouts."""

from datetime import datetime

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.database.types import JsonColumn, UtcDateTime


class Decision(SQLModel, table=True):
    """One person's decision on one rollout, bound to the digest of its plan."""

    __tablename__ = "decision"
    __table_args__ = (UniqueConstraint("rollout_id", "round", "person", "emergency"),)

    id: int | None = Field(default=None, primary_key=True)
    rollout_id: str = Field(foreign_key="rollout.id", index=True)
    round: int  # of the rollout's: void once that is at another
    approve: bool
    emergency: bool = False  # said to break the glass
    actor: str
    person: str  # the actor's name as it is compared
    groups: list[str] = Field(default_factory=list, sa_column=Column(JsonColumn, nullable=False))  # at that time
    via: str
    reason: str
    plan_digest: str
    at: datetime = Field(sa_type=UtcDateTime)


class UsedLink(SQLModel, table=True):
    """A link that was used for a decision."""

    __tablename__ = "used_link"

    id: str = Field(primary_key=True)
    used_at: datetime = Field(sa_type=UtcDateTime)
    used_by: str
    expires_at: datetime = Field(sa_type=UtcDateTime)
