"""The unit of work: one transaction, whose it is, when it happens, and the events that it appends to the record.

The chain of events has one end, its head. It is locked from when a transaction's events are linked to it until the commit, so numbers
follow the order of commits and have no gaps: whoever has read up to N has missed nothing before it. That is done last of all in a
transaction: nobody waits for the head while another one thinks.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property
from typing import Any, Protocol, Self, TypeVar

import structlog
from sqlalchemy import Executable, Insert, Update, bindparam, insert, update
from sqlalchemy.orm.attributes import set_committed_value
from sqlmodel import Session, SQLModel, select

from app.database.connection import Database, again_when_crossed
from app.database.storable import storable_json, storable_text
from app.database.together import committing
from app.events.chain import Appended, hash_of
from app.events.tables import Event, EventHead
from app.identity.actor import Actor

log = structlog.get_logger("mlrelease.events")

Result = TypeVar("Result")
Unit = TypeVar("Unit", bound="UnitOfWork")

# Made once: every transaction ends with them.
_LATEST_AT = select(Event.at).where(Event.seq == EventHead.seq).scalar_subquery()
_LOCKED_HEAD = select(EventHead.seq, EventHead.hash, _LATEST_AT).with_for_update(of=EventHead)
_AT = select(Event.at).where(Event.seq == bindparam("seq"))
_APPEND = insert(Event)
_MOVE_HEAD = update(EventHead)


@dataclass
class _Head:
    """Where the chain ends, with what this transaction has linked to it. ``latest``: the time of its last event."""

    seq: int
    hash: str
    latest: datetime | None


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
        self._linked: list[Appended] = []
        self._numbered: list[tuple[Appended, object, str, str]] = []  # rows that keep number and time of an event
        self._head: _Head | None = None  # where the chain ends: once this transaction holds its lock
        self._numbers_given = 0  # to how many of the loose ones
        self._moved: dict[str, tuple[Revised, Appended]] = {}  # stored rows whose new revision is not written yet
        self._last: list[tuple[Executable, dict[str, Any]]] = []

    @contextmanager
    def transaction(self) -> Iterator[Self]:
        """Everything is committed, with its events, when the block ends well; else nothing is. Raises Unavailable."""
        with self.database.transaction(self):
            yield self
            self._end()
        for event in self._linked:
            _tell(event)

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

    def write_last(self, statement: Executable, parameters: dict[str, Any]) -> None:
        """Have the end of this transaction carry out a statement that nothing in it depends on, with all others that it ends with."""
        self._last.append((statement, parameters))

    def number_events(self) -> None:
        """Give what was appended so far its numbers, and its releases their revisions. The rows are written when the transaction ends."""
        if not len(self._loose) > self._numbers_given:
            return
        if self._head is None:
            self.flush()  # what takes other locks comes before the head's
        head = self.lock_chain_head()
        for event, release in self._loose[self._numbers_given :]:
            # Whoever waited for the head has read the clock before those that came first: what comes later is never earlier.
            event.at = head.latest = event.at if head.latest is None else max(event.at, head.latest)
            event.seq = head.seq = head.seq + 1
            event.previous = head.hash
            event.hash = head.hash = hash_of(event)
            if release is None:
                continue
            if release in self.new:  # its row is written with its revision
                release.revision, release.updated_at = event.seq, event.at
            else:
                self._moved[release.id] = (release, event)
                set_committed_value(release, "revision", event.seq)
                set_committed_value(release, "updated_at", event.at)
        for event, row, number, at in self._numbered:
            setattr(row, number, event.seq)
            setattr(row, at, event.at)
        self._numbered.clear()
        self._numbers_given = len(self._loose)

    def link_events(self) -> None:
        """Link what was appended so far to the chain, for who reads it before the transaction ends."""
        self.number_events()
        if not self._loose:
            return
        head = self.lock_chain_head()
        self.flush()
        connection = self.connection()
        connection.execute(_APPEND, [vars(event) for event, _ in self._loose])
        connection.execute(_MOVE_HEAD, {"seq": head.seq, "hash": head.hash})
        self._move_revisions()
        self._linked += [event for event, _ in self._loose]
        self._loose.clear()
        self._numbers_given = 0

    def _end(self) -> None:
        """Write what is left, and commit, in one round trip: for as long as that takes, nobody else has the head."""
        self.number_events()
        if not self._loose and not self._last:
            return
        new = self._new_alone()
        self.flush()  # what is written with a look at what comes of it
        connection = self.connection()
        with committing(connection):
            for row in new:
                connection.execute(_insert(type(row)), row.model_dump())
            self.link_events()
            for statement, parameters in self._last:
                connection.execute(statement, parameters)

    def _new_alone(self) -> list[SQLModel]:
        """Rows that events are about, taken out of the session, where they are all that it would write: nothing comes of that."""
        about = {id(release) for _, release in self._loose}
        if self.dirty or self.deleted or not all(id(each) in about for each in self.new):
            return []
        new = list(self.new)
        for each in new:
            self.expunge(each)
        return new

    def lock_chain_head(self) -> "_Head":
        """Take the head's lock now instead of at the end: what is read after this no other writer changes."""
        if self._head is None:
            connection = self.connection()
            seq, hash_, latest = connection.execute(_LOCKED_HEAD).one()
            # PostgreSQL, having waited for the lock, reads only the head anew; or it is the first event.
            if latest is None:
                latest = connection.execute(_AT, {"seq": seq}).scalar()
            self._head = _Head(seq, hash_, latest)
        return self._head

    def _move_revisions(self) -> None:
        """Written past the session: it would look for what else has changed."""
        changed = list(self._moved.values())
        if not changed:
            return
        rows = [{"row": row.id, "revision": last.seq, "updated_at": last.at} for row, last in changed]
        self.connection().execute(_move_revision(type(changed[0][0])), rows)
        self._moved.clear()


def transact(begin: Callable[[], Unit], act: Callable[[Unit], Result]) -> Result:
    """Run ``act`` in a unit of work, again in a new one when another one took the same number, name or rows meanwhile."""

    def attempt() -> Result:
        with begin().transaction() as work:
            return act(work)

    return again_when_crossed(attempt)


def appended_in(session: Session) -> list[Appended]:
    """What this transaction has appended and not linked yet: nothing, where it only reads."""
    return [event for event, _ in session._loose] if isinstance(session, UnitOfWork) else []


_TOLD = ("code", "sentence", "reason", "attempt", "worker")


def _tell(event: Appended) -> None:
    """In the log, once it is committed: how each step and rollout begins, is tried again and ends, and why."""
    told = {each: event.data[each] for each in _TOLD if event.data.get(each) is not None}
    about = {"release": event.release_id, "request_id": event.request_id}
    log.info(
        event.kind,
        number=event.seq,
        subject=event.subject,
        actor=event.actor,
        **{name: value for name, value in about.items() if value},
        **told,
    )


@cache
def _insert(table: type[SQLModel]) -> Insert:
    return insert(table.__table__)  # type: ignore[attr-defined] # SQLModel does not say so


@cache
def _move_revision(table: Any) -> Update:
    return update(table).where(table.id == bindparam("row"))
