"""Which minutes of a bake count: whole ones, without the first, fixed when the bake begins. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.analysis.minutes import MINUTE


@dataclass(frozen=True)
class Window:
    """Minutes that begin from ``since`` on and before ``until``."""

    since: datetime
    until: datetime

    @classmethod
    def of(cls, begun: datetime, *, bake: timedelta, warm_up_minutes: int) -> "Window":
        """Of a share that was set at ``begun``: at least one minute, however short the bake."""
        since = _next_minute(begun) + warm_up_minutes * MINUTE
        minutes = max(1, round(bake / MINUTE) - warm_up_minutes)
        return cls(since, since + minutes * MINUTE)

    def complete(self, now: datetime, *, delay: timedelta) -> "Window":
        """The minutes of it that are complete by now, ``delay`` after their end."""
        return Window(self.since, max(self.since, min(self.until, _minute(now - delay))))

    def is_over(self, now: datetime, *, delay: timedelta) -> bool:
        return now >= self.until + delay

    def next_look(self, now: datetime, *, delay: timedelta) -> datetime:
        """When the next of its minutes is complete."""
        return max(_next_minute(now - delay), self.since + MINUTE) + delay


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _next_minute(moment: datetime) -> datetime:
    """The first whole minute that begins after it."""
    return _minute(moment) + MINUTE
