"""The unit of work: one transaction, whose it is, when it happens, and the events that it appends to the record.

The chain of events has one end, its head. It is locked from when a transaction's events are linked to it until the commit, so numbers
follow the order of commits and have no gaps: whoever has read up to N has missed nothing before it. That is done last of all in a
transaction: nobody waits for the head while another one thinks.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache, cached_property
from typing import Any, Protocol, Self, TypeVar

from sqlalchemy import Update, bindparam, insert, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, select

from app.database.connection import Database, again_when_crossed
from app.database.storable import storable_json, storable_text
from app.events.chain import Appended, hash_of
from app.events.tables import Event, EventHead
from app.identity.actor import Actor

Result = TypeVar("Result")
Unit = TypeVar("Unit", bound="UnitOfWork")

# Made once: every transaction ends with them.
_LATEST_AT = select(Event.at).where(Event.seq == EventHead.seq).scalar_subquery()
_LOCKED_HEAD = select(EventHead.seq, EventHead.hash, _LATEST_AT).with_for_update(of=EventHead)
_AT = select(Event.at).where(Event.seq == bindparam("seq"))
_APPEND = insert(Event)
_MOVE_HEAD = update(EventHead)


class Revised(Protocol):
    """A row whose revision is the number of the last event about it."""

    id: str
    model: str
    revision: int
    updated_at: datetime


class UnitOfWork(Session):
    """A session that knows who works and when, and appends events. Functions that write take one; those that read take any session."""

    def __init__(self, database: Database, actor: Actor, *, now: datetime | None = None) -> None:
        """``now``: of a moment that is given; without it the database's clock is read when it is first asked for."""
        super().__init__(database.engine, expire_on_commit=False)
        self.database = database
        self.actor = actor
        self.locked: set[str] = set()  # ids of rows that this transaction holds the lock of
        self._given_now = now
        self._loose: list[tuple[Appended, Revised | None]] = []  # appended, and not linked to the chain yet
        self._numbered: list[tuple[Appended, object, str, str]] = []  # rows that keep number and time of an event

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """Everything is committed, with its events, when the block ends well; else nothing is. Raises Unavailable."""
        with self.database.transaction(self):
            yield self
            self.link_events()

    @cached_property
    def now(self) -> datetime:
        """One moment for the whole unit of work. Read when it is first needed: mostly after the locks that were waited for."""
        return self._given_now or self.database.now()

    def append_event(
        self,
        kind: str,
        *,
        subject: str,
        release: Revised | None = None,
        model: str | None = None,
        data: dict[str, Any] | None = None,
    ) -> Appended:
        """Append to the chain. ``data`` is plain JSON and holds no secret.

        The event has its number once the transaction ends, or ``link_events`` is called; so has its release, as its revision.
        """
        event = Appended(
            at=self.now,
            kind=kind,
            model=release.model if release else model,
            release_id=release.id if release else None,
            subject=storable_text(subject),
            actor=storable_text(self.actor.name),
            via=self.actor.via,
            request_id=self.actor.request_id,
            data=storable_json(data or {}),  # before it is hashed: what is stored is what is hashed
        )
        self._loose.append((event, release))
        return event

    def number_with(self, event: Appended, row: object, *, number: str, at: str) -> None:
        """Have a row keep an event's number and time in these columns: as the event has them once this transaction ends."""
        self._numbered.append((event, row, number, at))

    def link_events(self) -> None:
        """Link what was appended so far to the chain, for who needs the numbers before the transaction ends."""
        if not self._loose:
            return
        self.flush()  # what takes other locks comes before the head's
        connection = self.connection()
        seq, hash_, latest = connection.execute(_LOCKED_HEAD).one()
        if latest is None:  # PostgreSQL, having waited for the lock, reads only the head anew; or it is the first event
            latest = connection.execute(_AT, {"seq": seq}).scalar()
        changed = {}
        for event, release in self._loose:
            seq += 1
            # Whoever waited for the head has read the clock before those that came first: what comes later is never earlier.
            event.at = latest = event.at if latest is None else max(event.at, latest)
            event.seq, event.previous = seq, hash_
            event.hash = hash_ = hash_of(event)
            if release is not None:
                changed[release.id] = (release, event)
        connection.execute(_APPEND, [vars(event) for event, _ in self._loose])
        connection.execute(_MOVE_HEAD, {"seq": seq, "hash": hash_})
        self._move_revisions(list(changed.values()))
        self._loose.clear()
        for event, row, number, at in self._numbered:  # written by the commit
            setattr(row, number, event.seq)
            setattr(row, at, event.at)
        self._numbered.clear()

    def lock_chain_head(self) -> None:
        """Take the head's lock now instead of at the end: what is read after this no other writer changes."""
        self.connection().execute(_LOCKED_HEAD)

    def _move_revisions(self, changed: Sequence[tuple[Revised, Appended]]) -> None:
        """Written past the session: it would look for what else has changed."""
        if not changed:
            return
        rows = [{"row": row.id, "revision": last.seq, "updated_at": last.at} for row, last in changed]
        self.connection().execute(_move_revision(type(changed[0][0])), rows)
        for row, last in changed:
            set_committed_value(row, "revision", last.seq)
            set_committed_value(row, "updated_at", last.at)


def transact(begin: Callable[[], Unit], act: Callable[[Unit], Result]) -> Result:
    """Run ``act`` in a unit of work, again in a new one when another one took the same number, name or rows meanwhile."""

    def attempt() -> Result:
        with begin().transaction() as work:
            return act(work)

    return again_when_crossed(attempt)


def appended_in(session: Session) -> list[Appended]:
    """What this transaction has appended and not linked yet: nothing, where it only reads."""
    return [event for event, _ in session._loose] if isinstance(session, UnitOfWork) else []


@cache
def _move_revision(table: Any) -> Update:
    return update(table).where(table.id == bindparam("row"))
