"""Requests per minute and latencies, by deployment and status: what Azure Monitor shows of an endpoint.

Kept per endpoint and minute in the store once the minute is over; the running minute is in memory. Latencies go into
logarithmic bins of 5% width, so that percentiles of any span can be added up and are at most 2.5% off.
"""

import math
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, Field

from emulator.store import Document, Store

_BIN = math.log(1.05)


@dataclass
class _Minute:
    """One endpoint in one minute."""

    number: int
    counts: Counter[tuple[str, int, int]] = field(default_factory=Counter)  # deployment, status, model status
    latencies: dict[str, Counter[int]] = field(default_factory=dict)  # by deployment: bin → requests

    def document(self) -> Document:
        return {
            "minute": self.number,
            "requests": [
                {"deployment": name, "statusCode": status, "modelStatusCode": model, "count": count}
                for (name, status, model), count in self.counts.items()
            ],
            "latencies": {name: {str(slot): n for slot, n in bins.items()} for name, bins in self.latencies.items()},
        }


class Shown(BaseModel):
    """What Azure Monitor makes of what was measured, as far as nobody outside Microsoft knows it."""

    delay_seconds: float = Field(default=2.0, ge=0, description="from the beginning of a minute until it can be seen")
    zeros: bool = Field(default=False, description="a minute without a request of a series is 0, not missing")
    mirrored: bool = Field(default=True, description="mirrored requests are counted for the deployment that gets them")


def shown(store: Store) -> Shown:
    return Shown.model_validate(store.get("control", "metrics") or {})


def set_shown(store: Store, wanted: Shown) -> None:
    store.put("control", "metrics", body=wanted.model_dump())


@dataclass
class Metrics:
    """All endpoints of this emulator."""

    store: Store
    _running: dict[tuple[str, str], _Minute] = field(default_factory=dict)

    def record(
        self, workspace: str, endpoint: str, *, deployment: str, status: int, model_status: int, milliseconds: float
    ) -> None:
        """One request that was answered. ``model_status`` 0: the model was not reached."""
        minute = self._minute(workspace, endpoint)
        minute.counts[(deployment, status, model_status)] += 1
        minute.latencies.setdefault(deployment, Counter())[_slot(milliseconds)] += 1

    def minutes(self, workspace: str, endpoint: str, *, since: float, until: float) -> list[Document]:
        """The minutes that begin in [since, until), oldest first, the running one included."""
        self.flush_before(int(time.time() // 60))
        kept = self.store.children("workspaces", workspace, "endpoints", endpoint, "minutes")
        running = self._running.get((workspace.lower(), endpoint.lower()))
        every = [*kept, *([running.document()] if running else [])]
        return [each for each in every if since <= each["minute"] * 60 < until]

    def flush(self) -> None:
        self.flush_before(math.inf)

    def flush_before(self, minute: float) -> None:
        """Store the minutes that are over."""
        for (workspace, endpoint), running in list(self._running.items()):
            if running.number < minute:
                self._keep(workspace, endpoint, running)
                del self._running[(workspace, endpoint)]

    def forget(self, workspace: str, endpoint: str) -> None:
        self._running.pop((workspace.lower(), endpoint.lower()), None)

    def _minute(self, workspace: str, endpoint: str) -> _Minute:
        at = workspace.lower(), endpoint.lower()
        now = int(time.time() // 60)
        running = self._running.get(at)
        if running is not None and running.number != now:
            self._keep(*at, running)
            running = None
        if running is None:
            running = self._running[at] = _Minute(now)
        return running

    def _keep(self, workspace: str, endpoint: str, minute: _Minute) -> None:
        path = ("workspaces", workspace, "endpoints", endpoint, "minutes", str(minute.number))
        with self.store.transaction():
            before = self.store.get(*path)  # the emulator was restarted within the minute
            self.store.put(*path, body=_merged(before, minute.document()) if before else minute.document())


def percentile(bins: Counter[int], share: float) -> float | None:
    """The latency in milliseconds that this share (0–1) of the requests did not exceed; None without requests."""
    wanted = share * bins.total()
    seen = 0
    for slot in sorted(bins):
        seen += bins[slot]
        if seen >= wanted:
            return math.exp((slot + 0.5) * _BIN)
    return None


def mean(bins: Counter[int]) -> float | None:
    """The mean latency in milliseconds; None without requests."""
    return sum(math.exp((slot + 0.5) * _BIN) * number for slot, number in bins.items()) / bins.total() if bins else None


def binned(latencies: Iterable[float]) -> Counter[int]:
    """Latencies in milliseconds, by bin."""
    return Counter(_slot(each) for each in latencies)


def _slot(milliseconds: float) -> int:
    return math.floor(math.log(max(milliseconds, 0.001)) / _BIN)


def _merged(one: Document, other: Document) -> Document:
    counts: Counter[tuple[Any, ...]] = Counter()
    for each in [*one["requests"], *other["requests"]]:
        counts[(each["deployment"], each["statusCode"], each["modelStatusCode"])] += each["count"]
    latencies: dict[str, Counter[str]] = {}
    for document in (one, other):
        for name, bins in document["latencies"].items():
            latencies.setdefault(name, Counter()).update(bins)
    return {
        "minute": one["minute"],
        "requests": [
            {"deployment": name, "statusCode": status, "modelStatusCode": model, "count": count}
            for (name, status, model), count in counts.items()
        ],
        "latencies": {name: dict(bins) for name, bins in latencies.items()},
    }
