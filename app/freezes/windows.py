"""Windows of time in which nothing starts, once or recurring, in a time zone. Pure.

A window starts and ends by the local time of its zone: Friday 18:00 for 62 hours ends on Monday at 08:00, also where
the clock is changed in between. What lies in the hour that is skipped in spring counts as one hour later.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

HORIZON = timedelta(days=400)  # windows that follow each other for longer have no end in sight


@dataclass(frozen=True)
class Window:
    """``starts`` and ``lasts`` are local time of ``zone``; ``lasts`` None: until it is deleted."""

    starts: datetime  # without a zone
    lasts: timedelta | None
    zone: ZoneInfo
    recurs: str | None = None  # an RRULE of RFC 5545, without DTSTART
    reason: str = ""


@dataclass(frozen=True)
class Frozen:
    """``until``: when rollouts may start again, as known now; None: unknown."""

    until: datetime | None
    reasons: tuple[str, ...]


def frozen(windows: Sequence[Window], now: datetime) -> Frozen | None:
    """The open window, if any. Windows that overlap or follow each other count as one."""
    reasons = tuple(dict.fromkeys(window.reason for window in windows if _is_open(window, now)))
    if not any(_is_open(window, now) for window in windows):
        return None
    until = now
    while until - now < HORIZON:
        ends = [end for window in windows for end in _ends(window, until)]
        if not ends:
            return Frozen(until, reasons)
        if None in ends:
            return Frozen(None, reasons)
        until = max(end for end in ends if end is not None)
    return Frozen(None, reasons)


def rule_of(window: Window) -> rrule:
    """Raises ValueError when its rule cannot be read."""
    rule = rrulestr(window.recurs or "", dtstart=window.starts)
    if not isinstance(rule, rrule):
        raise ValueError("is more than one rule")  # noqa: TRY004 - what was written is wrong, not its type
    return rule


def _is_open(window: Window, moment: datetime) -> bool:
    return any(True for _ in _ends(window, moment))


def _ends(window: Window, moment: datetime) -> Iterator[datetime | None]:
    """The ends of the occurrences that contain the moment."""
    for starts in _starts_before(window, moment):
        begins = _moment(starts, window.zone)
        if begins > moment:
            continue
        wall = begins.astimezone(window.zone).replace(tzinfo=None)  # as the clock shows it: not in a skipped hour
        end = None if window.lasts is None else _moment(wall + window.lasts, window.zone)
        if end is None or end > moment:
            yield end


def _starts_before(window: Window, moment: datetime) -> list[datetime]:
    """Its starts that may still matter. A day more on both sides: clocks are changed by less."""
    if window.recurs is None or window.lasts is None:
        return [window.starts]
    local = moment.astimezone(window.zone).replace(tzinfo=None)
    day = timedelta(days=1)
    found: list[datetime] = rule_of(window).between(local - window.lasts - day, local + day, inc=True)
    return found


def _moment(wall: datetime, zone: ZoneInfo) -> datetime:
    return wall.replace(tzinfo=zone).astimezone(UTC)
