"""The audit of the event chain: read in pages, up to the first broken event."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from app.database.several import with_one_of
from app.errors import Conflict
from app.events.chain import verify_chain
from app.events.tables import Event, EventHead
from app.identity.roles import Visible, models_among

PAGE = 1000


@dataclass(frozen=True)
class Anchor:
    """An event's number and hash that somebody noted elsewhere: a chain that was written anew as a whole does not have it."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Verdict:
    """``seq`` and ``hash`` are of the last event that holds; ``broken_at`` and ``why`` of the first link that does not."""

    intact: bool
    seq: int
    hash: str
    broken_at: int | None = None
    why: str | None = None


def verify(session: Session, *, anchor: Anchor | None = None) -> Verdict:
    """Walk the chain up to where its head says that it ends, and look whether anything is behind it.

    Events that are written meanwhile are behind the head that was read first; they are left to the next time.
    """
    head = _head(session)
    seen = _Seen()
    try:
        verify_chain(seen.note(_events(session, until=head.seq)), head=head)
        if anchor is not None:
            _check_anchor(session, anchor)
        _check_end(session, head)
    except Conflict as broken:
        at = int(broken.details["seq"])
        return Verdict(intact=False, seq=at - 1, hash=seen.hash_before(at), broken_at=at, why=broken.sentence)
    return Verdict(intact=True, seq=head.seq, hash=head.hash)


def export(
    session: Session,
    *,
    after: int,
    since: datetime | None = None,
    until: datetime | None = None,
    model: str | None = None,
    visible: Visible = None,
) -> list[Event]:
    """A page of events, the oldest first: from ``since`` on and before ``until``."""
    query = select(Event).order_by(col(Event.seq)).limit(PAGE)
    if since is not None:
        after = max(after, _first_from(session, since) - 1)
        query = query.where(col(Event.at) >= since)
    if until is not None:
        query = query.where(col(Event.at) < until, col(Event.seq) < _first_from(session, until))
    query = query.where(col(Event.seq) > after)
    of_models = col(Event.model), models_among(visible, model)
    return list(session.exec(with_one_of(query, col(Event.seq), of_models)).all())


def _first_from(session: Session, moment: datetime) -> int:
    """The number of the first event at this moment or later; of the one behind the last, where there is none.

    No event is earlier than the one before it: a few looks find it, and no index of moments has to be kept with each event.
    """
    first, end = 1, _head(session).seq + 1
    while first < end:
        middle = (first + end) // 2
        at = session.exec(select(Event.at).where(col(Event.seq) >= middle).order_by(col(Event.seq)).limit(1)).first()
        first, end = (middle + 1, end) if at is not None and at < moment else (first, middle)
    return first


class _Seen:
    """The hashes of the last two events of a walk: the second is the one that breaks it."""

    def __init__(self) -> None:
        self._last: list[Event] = []

    def note(self, events: Iterator[Event]) -> Iterator[Event]:
        for event in events:
            self._last = [*self._last[-1:], event]
            yield event

    def hash_before(self, seq: int) -> str:
        return next((each.hash for each in self._last if each.seq == seq - 1), "")


def _head(session: Session) -> EventHead:
    head = session.exec(select(EventHead).execution_options(populate_existing=True)).first()
    if head is None:
        raise Conflict("The event chain is broken: its head is missing.", code="event_chain_broken", seq=1)
    session.expunge(head)
    return head


def _events(session: Session, *, until: int) -> Iterator[Event]:
    seen = -1  # numbers begin with 1: what was put before them is seen too
    while page := session.exec(
        select(Event).where(col(Event.seq) > seen, col(Event.seq) <= until).order_by(col(Event.seq)).limit(PAGE)
    ).all():
        yield from page
        seen = page[-1].seq
        session.expunge_all()


def _check_anchor(session: Session, anchor: Anchor) -> None:
    found = session.exec(select(Event.hash).where(Event.seq == anchor.seq)).first()
    if found != anchor.hash:
        raise Conflict(
            f"The event chain is broken: event {anchor.seq} is not the event that was noted.",
            code="event_chain_broken",
            seq=anchor.seq,
        )


def _check_end(session: Session, head: EventHead) -> None:
    """Nothing is behind the head, but for what was properly written since."""
    behind = session.exec(select(Event).where(col(Event.seq) > head.seq).order_by(col(Event.seq)).limit(1)).first()
    if behind is None:
        return
    moved = _head(session).seq > head.seq
    if not moved or behind.seq != head.seq + 1 or behind.previous != head.hash:
        raise Conflict(
            f"The event chain is broken: event {behind.seq} is after its end, which is event {head.seq}.",
            code="event_chain_broken",
            seq=head.seq + 1,
        )
