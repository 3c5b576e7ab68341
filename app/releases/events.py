"""The one way in which an event is written.

Events form one chain: each carries the hash of the one before. The head row is locked while one is appended, so numbers
follow the order of commits and have no gaps: whoever has read up to N has missed nothing before it.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from app.errors import Conflict
from app.identity.actor import Actor
from app.releases.tables import Event, EventHead


def append_event(
    session: Session,
    kind: str,
    *,
    subject: str,
    actor: Actor,
    now: datetime,
    release_id: str | None = None,
    model: str | None = None,
    data: dict[str, Any] | None = None,
) -> Event:
    """Append to the chain, in the caller's transaction. ``data`` is plain JSON and holds no secret."""
    head = _head_of(session)
    event = Event(
        seq=head.seq + 1,
        at=now,
        kind=kind,
        model=model,
        release_id=release_id,
        subject=subject,
        actor=actor.name,
        via=actor.via,
        request_id=actor.request_id,
        data=data or {},
        previous=head.hash,
        hash="",
    )
    event.hash = hash_of(event)
    head.seq, head.hash = event.seq, event.hash
    session.add(event)
    session.add(head)
    return event


def _head_of(session: Session) -> EventHead:
    """Locked until the transaction ends, so that it is read once. A session of ours is one transaction."""
    head: EventHead | None = session.info.get("event_head")
    if head is None:
        head = session.info["event_head"] = session.exec(select(EventHead).with_for_update()).one()
    return head


def stand_in_line(session: Session) -> None:
    """Take the head's lock now instead of at the first event: what is read after this no other writer changes."""
    session.exec(select(EventHead.id).with_for_update()).one()


def hash_of(event: Event) -> str:
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
