"""When nothing may begin."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from app.freezes.windows import Frozen, Window, frozen

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(
    starts: str, hours: float | None, *, zone: ZoneInfo = BERLIN, recurs: str | None = None, reason: str = "w"
) -> Window:
    lasts = None if hours is None else timedelta(hours=hours)
    return Window(datetime.fromisoformat(starts), lasts, zone, recurs, reason)


WEEKENDS = window("2026-01-02T18:00", 62, recurs="FREQ=WEEKLY;BYDAY=FR")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-01-02T16:59", None),
        ("2026-01-02T17:00", "2026-01-05T07:00"),
        ("2026-01-05T06:59", "2026-01-05T07:00"),
        ("2026-01-05T07:00", None),
        # In summer the same walls' clock is an hour earlier in UTC.
        ("2026-07-03T15:59", None),
        ("2026-07-03T16:00", "2026-07-06T06:00"),
        # The clock is put forward on 29 March and back on 25 October: still until Monday at eight.
        ("2026-03-27T17:00", "2026-03-30T06:00"),
        ("2026-10-23T16:00", "2026-10-26T07:00"),
        ("2025-12-26T18:00", None),  # before the first
    ],
)
def test_recurring_window_goes_by_the_clock_on_the_wall(now: str, until: str | None) -> None:
    seen = frozen([WEEKENDS], at(now))

    assert (seen.until if seen else None) == (at(until) if until else None)


def test_windows_that_overlap_or_touch_are_one() -> None:
    windows = [
        window("2026-01-01T00:00", 10, zone=ZoneInfo("UTC"), reason="a"),
        window("2026-01-01T05:00", 10, zone=ZoneInfo("UTC"), reason="b"),
        window("2026-01-01T15:00", 1, zone=ZoneInfo("UTC"), reason="c"),
        window("2026-01-01T17:00", 1, zone=ZoneInfo("UTC"), reason="d"),
    ]

    assert frozen(windows, at("2026-01-01T06:00")) == Frozen(at("2026-01-01T16:00"), ("a", "b"))


def test_open_end_wins_over_every_end() -> None:
    hold = window("2026-01-01T00:00", None, reason="held")

    assert frozen([WEEKENDS, hold], at("2026-01-03T00:00")) == Frozen(None, ("w", "held"))
    assert frozen([hold], at("2025-12-31T00:00")) is None


def test_windows_without_a_gap_have_no_end_in_sight() -> None:
    always = window("2026-01-01T00:00", 24, recurs="FREQ=DAILY")

    assert frozen([always], at("2026-02-01T12:00")) == Frozen(None, ("w",))


def test_start_in_the_hour_that_is_skipped_is_one_hour_later() -> None:
    skipped = window("2026-03-29T02:30", 1)

    assert frozen([skipped], at("2026-03-29T01:15")) is None
    assert frozen([skipped], at("2026-03-29T01:30")) is not None


def test_nothing_is_frozen_without_windows() -> None:
    assert frozen([], at("2026-01-01T00:00")) is None
