"""The one way in which an event is written.

Events form one chain: each carries the hash of the one before. Its head is locked from when a transaction's events are linked to it
until the commit, so numbers follow the order of commits and have no gaps: whoever has read up to N has missed nothing before it. That
is done last of all in a transaction: nobody waits for the head while another one thinks.
"""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, insert, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, col, select

from app.database.connection import at_the_end
from app.database.storable import storable_json, storable_text
from app.errors import Conflict
from app.identity.actor import Actor
from app.releases.tables import Event, EventHead, Release

_LOOSE = "loose_events"  # of a session: appended, and not linked to the chain yet

# Made once: every transaction ends with them.
_LATEST_AT = select(Event.at).where(Event.seq == EventHead.seq).scalar_subquery()
_LOCKED_HEAD = select(EventHead.seq, EventHead.hash, _LATEST_AT).with_for_update(of=EventHead)
_AT = select(Event.at).where(Event.seq == bindparam("seq"))
_APPEND = insert(Event)
_MOVE_HEAD = update(EventHead)
_MOVE_REVISION = update(Release).where(col(Release.id) == bindparam("release"))


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
) -> Appended:
    """Append to the chain, in the caller's transaction. ``data`` is plain JSON and holds no secret.

    The event has its number once the transaction ends, or ``link_events`` is called; so has its release, as its revision.
    """
    event = Appended(
        at=now,
        kind=kind,
        model=release.model if release else model,
        release_id=release.id if release else None,
        subject=storable_text(subject),
        actor=storable_text(actor.name),
        via=actor.via,
        request_id=actor.request_id,
        data=storable_json(data or {}),  # before it is hashed: what is stored is what is hashed
    )
    _loose_in(session).append((event, release))
    return event


def link_events(session: Session) -> None:
    """Link what was appended so far to the chain, for who needs the numbers before the transaction ends."""
    loose = session.info.get(_LOOSE)
    if not loose:
        return
    session.flush()  # what takes other locks comes before the head's
    connection = session.connection()
    seq, hash_, latest = connection.execute(_LOCKED_HEAD).one()
    if (
        latest is None
    ):  # PostgreSQL, having waited for the lock, reads the head anew and nothing else; or it is the first event
        latest = connection.execute(_AT, {"seq": seq}).scalar()
    changed = {}
    for event, release in loose:
        seq += 1
        # Whoever waited for the head has read the clock before those that came first: what comes later is never earlier.
        event.at = latest = event.at if latest is None else max(event.at, latest)
        event.seq, event.previous = seq, hash_
        event.hash = hash_ = hash_of(event)
        if release is not None:
            changed[release.id] = (release, event)
    connection.execute(_APPEND, [vars(event) for event, _ in loose])
    connection.execute(_MOVE_HEAD, {"seq": seq, "hash": hash_})
    _move_revisions(session, changed.values())
    loose.clear()


def _move_revisions(session: Session, changed: Collection[tuple[Release, Appended]]) -> None:
    """A release's revision is the number of its last event. Written past the session: it would look for what else has changed."""
    if not changed:
        return
    rows = [{"release": release.id, "revision": last.seq, "updated_at": last.at} for release, last in changed]
    session.connection().execute(_MOVE_REVISION, rows)
    for release, last in changed:
        set_committed_value(release, "revision", last.seq)
        set_committed_value(release, "updated_at", last.at)


def _loose_in(session: Session) -> list[tuple[Appended, Release | None]]:
    """The events of a transaction that have no place in the chain yet. A session of ours is one transaction."""
    loose: list[tuple[Appended, Release | None]] | None = session.info.get(_LOOSE)
    if loose is None:
        loose = session.info[_LOOSE] = []
        at_the_end(session, link_events)
    return loose


def appended_in(session: Session) -> list[Appended]:
    """What this transaction has appended and not linked yet."""
    return [event for event, _ in session.info.get(_LOOSE, ())]


def lock_chain_head(session: Session) -> None:
    """Take the head's lock now instead of at the end: what is read after this no other writer changes."""
    session.connection().execute(_LOCKED_HEAD)


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
