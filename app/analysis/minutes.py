"""What Azure Monitor measured, as the pairs of counts that the rules judge: the same whole minutes of canary and baseline. Pure."""

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta
from typing import Protocol

from app.analysis.counts import Counts, Pair
from app.analysis.latency_rule import MinuteLatency

MINUTE = timedelta(minutes=1)


class Answered(Protocol):
    """Requests to one deployment in one minute that were answered with the same status."""

    @property
    def begins_at(self) -> datetime: ...

    @property
    def deployment(self) -> str: ...

    @property
    def status(self) -> int: ...

    @property
    def requests(self) -> int: ...


class Percentiles(Protocol):
    """Milliseconds of one deployment in one minute."""

    @property
    def begins_at(self) -> datetime: ...

    @property
    def deployment(self) -> str: ...

    @property
    def p50(self) -> float | None: ...

    @property
    def p95(self) -> float | None: ...


def is_failure(status: int) -> bool:
    """Whether a request counts against the deployment that got it, by the status that its caller got.

    424 is the model's own error, 408 its timeout. 429 and 503 are its queue that is full or its instances that are down: callers fail
    by them, and a platform that fails does so for the baseline too. Any other 4xx is the caller's own.
    """
    return status in {408, 424, 429} or status >= 500


def pairs_of(found: Iterable[Answered], *, canary: str, baseline: Collection[str]) -> dict[datetime, Pair]:
    """By the beginning of the minute. A deployment without a measurement had no requests."""
    minutes: dict[datetime, Pair] = {}
    for each in found:
        counts = Counts(each.requests, each.requests if is_failure(each.status) else 0)
        if each.deployment == canary:
            pair = Pair(counts, Counts(0))
        elif each.deployment in baseline:
            pair = Pair(Counts(0), counts)
        else:
            continue
        minutes[each.begins_at] = minutes[each.begins_at] + pair if each.begins_at in minutes else pair
    return dict(sorted(minutes.items()))


def latencies_of(
    found: Iterable[Percentiles],
    pairs: dict[datetime, Pair],
    *,
    percentile: str,
    canary: str,
    baseline: Collection[str],
) -> list[MinuteLatency]:
    """Of the minutes in which both were measured. Where several deployments serve, the slowest of them is the baseline."""
    new: dict[datetime, float] = {}
    old: dict[datetime, float] = {}
    for each in found:
        value: float | None = getattr(each, percentile)
        if value is None:
            continue
        if each.deployment == canary:
            new[each.begins_at] = value
        elif each.deployment in baseline:
            old[each.begins_at] = max(value, old.get(each.begins_at, 0.0))
    return [
        MinuteLatency(pairs[at].canary.requests if at in pairs else 0, new[at], old[at])
        for at in sorted(new.keys() & old.keys())
    ]
