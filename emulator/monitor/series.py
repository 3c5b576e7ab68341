"""Time series of a metric: minutes of the gateway's counts, split by dimensions and added up to a grain."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from emulator.monitor.catalogue import Metric
from emulator.monitor.filters import EVERY, Filter
from emulator.online.metrics import mean, percentile
from emulator.store import Document

Key = tuple[tuple[str, str], ...]  # dimension and value, in the order of the metric's dimensions


@dataclass(frozen=True)
class Series:
    """``points``: by their beginning in seconds since 1970, a value; a time without a measurement is not in it."""

    key: Key
    points: dict[int, float]


def series_of(metric: Metric, minutes: Sequence[Document], wanted: Filter, *, grain: int) -> list[Series]:
    """One for each combination that occurred; without a filter one for all. ``grain`` in seconds.

    The average over a longer time is over its minutes that have a measurement, as each minute is one.
    """
    values: dict[Key, dict[int, list[float]]] = {}
    for minute in minutes:
        begins = minute["minute"] * 60 // grain * grain
        for key, value in _measured(metric, minute, wanted):
            values.setdefault(key, {}).setdefault(begins, []).append(value)
    return [
        Series(key, {begins: sum(found) / len(found) for begins, found in by_time.items()})
        for key, by_time in sorted(values.items())
    ]


def _measured(metric: Metric, minute: Document, wanted: Filter) -> Iterable[tuple[Key, float]]:
    """What this minute is worth for each series."""
    if metric.unit == "Count":
        counted: Counter[Key] = Counter()
        for each in minute["requests"]:
            dimensions = {
                "deployment": each["deployment"],
                "statusCode": str(each["statusCode"]),
                "statusCodeClass": f"{each['statusCode'] // 100}xx",
                "modelStatusCode": str(each["modelStatusCode"]) if each["modelStatusCode"] else "",
            }
            key = _key(metric, dimensions, wanted)
            if key is not None:
                counted[key] += each["count"]
        yield from counted.items()
        return
    bins: dict[Key, Counter[int]] = {}
    for name, slots in minute["latencies"].items():
        key = _key(metric, {"deployment": name}, wanted)
        if key is not None:
            bins.setdefault(key, Counter()).update({int(slot): number for slot, number in slots.items()})
    for key, found in bins.items():
        value = mean(found) if metric.share is None else percentile(found, metric.share)
        if value is not None:
            yield key, value


def _key(metric: Metric, dimensions: dict[str, str], wanted: Filter) -> Key | None:
    """Which series it belongs to; None: to none. What has no value of a dimension cannot be split by it."""
    for name, values in wanted.items():
        value = dimensions[name].lower()
        if not value or (EVERY not in values and value not in values):
            return None
    return tuple((name, dimensions[name]) for name in metric.dimensions if name in wanted)


def times(since: int, until: int, *, grain: int) -> Iterable[int]:
    """The beginnings of all points from ``since`` on and before ``until``, in seconds since 1970."""
    return itertools.takewhile(lambda begins: begins < until, itertools.count(since // grain * grain, grain))
