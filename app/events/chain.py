"""The chain of events: each carries the hash of the one before, so what was changed, removed or added later shows. Pure."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.errors import Conflict
from app.events.tables import Event, EventHead

# Made once: a million events are verified by it.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@dataclass
class Appended:
    """An event on its way into the chain: its fields are the columns of ``Event``."""

    at: datetime
    kind: str
    model: str | None
    release_id: str | None
    subject: str
    actor: str
    via: str
    request_id: str | None
    data: dict[str, Any]
    seq: int = 0
    previous: str = ""
    hash: str = ""


def hash_of(event: Event | Appended) -> str:
    """SHA-256 over the canonical JSON of everything in the event but the hash itself."""
    content = {
        "seq": event.seq,
        "at": event.at.isoformat(),
        "kind": event.kind,
        "model": event.model,
        "release": event.release_id,
        "subject": event.subject,
        "actor": event.actor,
        "via": event.via,
        "request": event.request_id,
        "data": event.data,
        "previous": event.previous,
    }
    return hashlib.sha256(_CANONICAL.encode(content).encode()).hexdigest()


class ChainWalk:
    """A walk along the chain, the oldest event first. ``seq`` and ``hash``: of the last event that holds."""

    def __init__(self, *, seq: int = 0, hash_: str = "") -> None:
        self.seq = seq
        self.hash = hash_

    def follow(self, event: Event | Appended) -> None:
        """Raises Conflict where it is not the event behind the last one, as it was written."""
        if event.seq != self.seq + 1:
            raise broken(self.seq + 1, f"event {self.seq + 1} is missing, {event.seq} follows {self.seq}")
        if event.previous != self.hash or event.hash != hash_of(event):
            raise broken(event.seq, f"event {event.seq} was changed after it was written")
        self.seq, self.hash = event.seq, event.hash

    def end(self, head: EventHead) -> None:
        """Raises Conflict where the chain does not end here."""
        if (self.seq, self.hash) != (head.seq, head.hash):
            at = min(self.seq, head.seq) + 1
            raise broken(at, f"the chain ends at {self.seq}, its head says {head.seq}")


def verify_chain(events: Iterable[Event], *, head: EventHead) -> int:
    """Walk the whole chain, oldest first; the number of events. Raises Conflict at the first broken link."""
    walk = ChainWalk()
    for event in events:
        walk.follow(event)
    walk.end(head)
    return walk.seq


def broken(seq: int, why: str) -> Conflict:
    """The error that says where the chain is not as it was written."""
    return Conflict(f"The event chain is broken: {why}.", code="event_chain_broken", seq=seq)
