import time
from collections import Counter
from pathlib import Path

import pytest

from emulator.online.metrics import Metrics, percentile
from emulator.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "azure.sqlite")


def record(metrics: Metrics, *, status: int = 200, milliseconds: float = 10.0) -> None:
    metrics.record("ws", "ep", deployment="blue", status=status, model_status=status, milliseconds=milliseconds)


def counted(metrics: Metrics) -> Counter[int]:
    minutes = metrics.minutes("ws", "ep", since=time.time() - 3600, until=time.time() + 60)
    found: Counter[int] = Counter()
    for minute in minutes:
        for each in minute["requests"]:
            found[each["statusCode"]] += each["count"]
    return found


def test_requests_are_counted_by_status(store: Store) -> None:
    metrics = Metrics(store)
    for status in (200, 200, 424):
        record(metrics, status=status)

    assert counted(metrics) == {200: 2, 424: 1}


def test_restart_within_the_minute_adds_up(store: Store) -> None:
    before = Metrics(store)
    record(before)
    before.flush()
    after = Metrics(store)
    record(after)
    after.flush()

    assert counted(after) == {200: 2}


def test_other_endpoints_and_times_are_left_out(store: Store) -> None:
    metrics = Metrics(store)
    record(metrics)

    assert metrics.minutes("ws", "other", since=0, until=time.time() + 60) == []
    assert metrics.minutes("ws", "ep", since=0, until=time.time() - 120) == []


def test_percentile_of_nothing_is_nothing() -> None:
    assert percentile(Counter(), 0.5) is None
