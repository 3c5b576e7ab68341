"""The one way in which an event is written.

Events form one chain: each carries the hash of the one before. Its head is locked from when a transaction's events are linked to it
until the commit, so numbers follow the order of commits and have no gaps: whoever has read up to N has missed nothing before it. That
is done last of all in a transaction: nobody waits for the head while another one thinks.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from app.database.connection import at_the_end
from app.errors import Conflict
from app.identity.actor import Actor
from app.releases.tables import Event, EventHead, Release


def append_event(
    session: Session,
    kind: str,
    *,
    subject: str,
    actor: Actor,
    now: datetime,
    release: Release | None = None,
    model: str | None = None,
    data: dict[str, Any] | None = None,
) -> Event:
    """Append to the chain, in the caller's transaction. ``data`` is plain JSON and holds no secret.

    The event has its number once the transaction ends, or ``link_events`` is called; so has its release, as its revision.
    """
    event = Event(
        seq=0,
        at=now,
        kind=kind,
        model=release.model if release else model,
        release_id=release.id if release else None,
        subject=subject,
        actor=actor.name,
        via=actor.via,
        request_id=actor.request_id,
        data=data or {},
        previous="",
        hash="",
    )
    _loose_in(session).append((event, release))
    return event


def link_events(session: Session) -> None:
    """Link what was appended so far to the chain, for who needs the numbers before the transaction ends."""
    loose = _loose_in(session)
    if not loose:
        return
    session.flush()  # what takes other locks comes before the head's
    head = session.exec(select(EventHead).with_for_update().execution_options(populate_existing=True)).one()
    for event, release in loose:
        event.seq, event.previous = head.seq + 1, head.hash
        event.hash = hash_of(event)
        head.seq, head.hash = event.seq, event.hash
        session.add(event)
        if release is not None:
            release.revision, release.updated_at = event.seq, event.at
    loose.clear()
    session.flush()


def _loose_in(session: Session) -> list[tuple[Event, Release | None]]:
    """The events of a transaction that have no place in the chain yet. A session of ours is one transaction."""
    loose: list[tuple[Event, Release | None]] | None = session.info.get("loose_events")
    if loose is None:
        loose = session.info["loose_events"] = []
        at_the_end(session, link_events)
    return loose


def stand_in_line(session: Session) -> None:
    """Take the head's lock now instead of at the end: what is read after this no other writer changes."""
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
