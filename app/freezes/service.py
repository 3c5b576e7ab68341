"""The only writer of freezes."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.errors import Invalid, Mistake
from app.events.work import UnitOfWork
from app.freezes.tables import Freeze
from app.freezes.windows import Window, rule_of

LONGEST = timedelta(days=366)
EARLIEST = datetime(2020, 1, 1)  # noqa: DTZ001 - by a wall clock
_FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
_BY_CLOCK = ("BYHOUR", "BYMINUTE", "BYSECOND", "DTSTART")


@dataclass(frozen=True)
class Wanted:
    """A requested freeze. ``starts`` is local time of the zone; None: now. ``lasts`` None: until it is deleted."""

    reason: str
    starts: datetime | None = None
    lasts: timedelta | None = None
    zone: str = "UTC"
    recurs: str | None = None
    model: str | None = None
    stage: str | None = None
    target: str | None = None


def new_freeze_id() -> str:
    return f"freeze-{secrets.token_hex(4)}"


def create_freeze(work: UnitOfWork, wanted: Wanted, *, freeze_id: str | None = None) -> Freeze:
    """Raises Invalid, with every mistake. ``freeze_id``: a new one that the reason names."""
    mistakes = list(mistakes_in(wanted))
    if mistakes:
        raise Invalid(
            f"The freeze is invalid: {'; '.join(map(str, mistakes))}.", mistakes=mistakes, code="freeze_invalid"
        )
    starts = wanted.starts or work.now.astimezone(ZoneInfo(wanted.zone)).replace(tzinfo=None)
    freeze = Freeze(
        id=freeze_id or new_freeze_id(),
        model=wanted.model,
        stage=wanted.stage,
        target=wanted.target,
        starts=starts.isoformat(),
        minutes=None if wanted.lasts is None else int(wanted.lasts.total_seconds() // 60),
        zone=wanted.zone,
        recurs=wanted.recurs,
        reason=wanted.reason.strip(),
        created_by=work.actor.name,
        created_at=work.now.astimezone(UTC),
    )
    work.add(freeze)
    work.flush()
    return freeze


def delete_freeze(work: UnitOfWork, freeze: Freeze) -> None:
    """Mark it as deleted. The row stays: it explains why rollouts waited."""
    freeze.deleted_by, freeze.deleted_at = work.actor.name, work.now
    work.add(freeze)
    work.flush()


def mistakes_in(wanted: Wanted) -> list[Mistake]:
    found = []
    if not wanted.reason.strip():
        found.append(Mistake("must have a reason", field="reason"))
    zone = _zone(wanted.zone)
    if zone is None:
        found.append(Mistake(f"unknown time zone {wanted.zone!r}; write it like `Europe/Berlin`", field="time_zone"))
    if wanted.starts is not None and (wanted.starts.tzinfo is not None or wanted.starts < EARLIEST):
        found.append(Mistake("must be local time of the time zone, without an offset", field="starts"))
    if wanted.lasts is not None and not timedelta(minutes=1) <= wanted.lasts <= LONGEST:
        found.append(Mistake(f"must last from a minute to {LONGEST.days} days", field="lasts"))
    if wanted.recurs is not None:
        found += [Mistake(why, field="recurs") for why in _wrong_rule(wanted)]
    return found


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # a name with slashes and dots is looked for as a file
        return None


def _wrong_rule(wanted: Wanted) -> list[str]:
    rule = (wanted.recurs or "").upper()
    parts = dict(part.partition("=")[::2] for part in rule.split(";"))
    if wanted.starts is None or wanted.lasts is None:
        return ["needs `starts` and `lasts`: the first start, and the duration of each"]
    if parts.get("FREQ") not in _FREQUENCIES:
        return [f"needs FREQ, one of {', '.join(_FREQUENCIES)}"]
    if not parts.get("INTERVAL", "1").isdecimal() or int(parts.get("INTERVAL", "1")[:9]) < 1:
        return ["needs an INTERVAL of at least 1"]  # with 0 its next time is looked for without end
    clock = [key for key in _BY_CLOCK if key in parts]
    if clock or "\n" in rule:
        return [f"must not have {', '.join(clock) or 'several lines'}: `starts` sets the time of day"]
    try:
        first = rule_of(Window(wanted.starts, wanted.lasts, ZoneInfo("UTC"), rule)).after(EARLIEST, inc=True)
    except (ValueError, TypeError, OverflowError) as wrong:
        return [f"is not a rule of RFC 5545: {wrong}"]
    return ["never happens"] if first is None else []
