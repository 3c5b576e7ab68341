"""The chain of events: each carries the hash of the one before, so what was changed, removed or added later shows. Pure."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from app.errors import Conflict
from app.events.tables import Event, EventHead


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
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def verify_chain(events: Iterable[Event], *, head: EventHead) -> int:
    """Walk the whole chain, oldest first; the number of events. Raises Conflict at the first broken link."""
    seq, previous = 0, ""
    for event in events:
        if event.seq != seq + 1:
            raise _broken(seq + 1, f"event {seq + 1} is missing, {event.seq} follows {seq}")
        if event.previous != previous or event.hash != hash_of(event):
            raise _broken(event.seq, f"event {event.seq} was changed after it was written")
        seq, previous = event.seq, event.hash
    if (seq, previous) != (head.seq, head.hash):
        raise _broken(seq + 1, f"the chain ends at {seq}, its head says {head.seq}")
    return seq


def _broken(seq: int, why: str) -> Conflict:
    return Conflict(f"The event chain is broken: {why}.", code="event_chain_broken", seq=seq)
