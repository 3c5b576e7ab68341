"""Freezes and holds: times in which no rollout starts. A hold is a freeze without an end."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlmodel import Field, SQLModel

from app.database.types import UtcDateTime
from app.freezes.windows import Window

RECORDED = ("stage", "target", "starts", "minutes", "zone", "recurs", "reason")  # what an event says of a freeze


class Freeze(SQLModel, table=True):
    """Times in which no rollout starts of this model, stage and target; None: of all."""

    __tablename__ = "freeze"

    id: str = Field(primary_key=True)
    model: str | None = Field(default=None, index=True)
    stage: str | None = None
    target: str | None = None  # subscription/resource group/workspace/endpoint
    starts: str  # by the wall clock of the zone, ISO 8601 without an offset
    minutes: int | None = None  # that it lasts, by the same clock; None: until it is deleted
    zone: str
    recurs: str | None = None  # an RRULE
    reason: str
    created_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    deleted_by: str | None = None
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def is_hold(self) -> bool:
        """Whether it lasts until it is deleted."""
        return self.minutes is None

    @property
    def window(self) -> Window:
        return Window(
            starts=datetime.fromisoformat(self.starts),
            lasts=None if self.minutes is None else timedelta(minutes=self.minutes),
            zone=ZoneInfo(self.zone),
            recurs=self.recurs,
            reason=f"{self.reason.rstrip('.')} ({self.created_by})",
        )
