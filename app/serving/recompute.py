"""The serving record once more, from the events alone: where its rows are not as the events say, they were changed past the service."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from app.events.chain import Appended
from app.serving.service import TRAFFIC_CHANGED, share_of
from app.serving.tables import TrafficShare


class RecomputedShares:
    """Told of every event, in the order of the chain. What has ended is kept as digests, so that years of it take little room."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], list[Any]] = {}  # by target and deployment: its share, and its beginning
        self._ended: set[str] = set()
        self._wrong: list[str] = []

    def begin(self, shares: Iterable[TrafficShare]) -> None:
        """Begin in the middle of the chain, with what was open there. Each event says what was before it: so it shows where this is wrong."""
        for row in shares:
            self._open[row.target, row.deployment] = [vars(share_of(row)), row.from_event, row.from_at]

    def note(self, event: Appended) -> None:
        """An event of another kind says nothing of it."""
        if event.kind != TRAFFIC_CHANGED:
            return
        before, after = ({each["deployment"]: each for each in event.data[when]} for when in ("before", "after"))
        was = {name: share for (target, name), (share, *_) in self._open.items() if target == event.subject}
        if was != before:
            self._wrong.append(
                f"Event {event.seq} ends other shares of {event.subject} than the events before it had begun."
            )
        for name in was:
            if was[name] != after.get(name):
                share, *begun = self._open.pop((event.subject, name))
                self._ended.add(_digest(event.subject, share, *begun, event.seq, event.at))
        for name, share in after.items():
            self._open.setdefault((event.subject, name), [share, event.seq, event.at])

    def disagreements(self, rows: Iterable[TrafficShare]) -> Iterator[str | None]:
        """Between rows of the serving record and the events: for each row None, or a sentence."""
        yield from self._wrong
        said = self._ended | {
            _digest(target, share, *begun, None, None) for (target, _), (share, *begun) in self._open.items()
        }
        for row in rows:
            ended = row.to_event, row.to_at
            digest = _digest(row.target, vars(share_of(row)), row.from_event, row.from_at, *ended)
            is_known = digest in said
            yield (
                None
                if is_known
                else f"The share {row.id} of the traffic of {row.target} does not match the event chain."
            )
            said.discard(digest)
        if said:
            yield "A share of traffic is in the event chain, but its row is missing or was changed."


def _digest(target: str, share: dict[str, Any], *begun_and_ended: int | datetime | None) -> str:
    moments = [each.isoformat() if isinstance(each, datetime) else each for each in begun_and_ended]
    return hashlib.sha256(json.dumps([target, share, moments], sort_keys=True).encode()).hexdigest()
