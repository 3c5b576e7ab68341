"""The audit of the event chain: read in pages, up to the first broken event."""

from dataclasses import dataclass, fields
from datetime import datetime

from sqlalchemy import Connection
from sqlmodel import Session, col, select

from app.database.several import with_one_of
from app.events.chain import Appended, ChainWalk, broken, hash_of
from app.events.tables import Event, EventHead
from app.identity.roles import Visible, models_among

PAGE = 1000

_FIELDS = [each.name for each in fields(Appended)]
_EVENTS = select(*(getattr(Event, each) for each in _FIELDS)).order_by(col(Event.seq)).limit(PAGE)


@dataclass(frozen=True)
class Anchor:
    """An event's number and hash that somebody noted elsewhere: a chain that was written anew as a whole does not have it."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Verdict:
    """``seq`` and ``hash`` are of the last event that holds; ``broken_at`` and ``why`` of the first link that does not.

    ``since``: events up to this one were not read again. 0: the whole chain was.
    """

    intact: bool
    seq: int
    hash: str
    broken_at: int | None = None
    why: str | None = None
    since: int = 0


class ChainAudit:
    """Walks the chain page by page: any page in any transaction, since what is behind in the chain never changes.

    ``since``: from the event behind this one on. Raises Conflict at the first broken link.
    """

    def __init__(self, since: Anchor | None = None) -> None:
        self._since = since
        self._walk = ChainWalk(seq=since.seq, hash_=since.hash) if since else ChainWalk()
        self._has_begun = False

    @property
    def seq(self) -> int:
        return self._walk.seq

    @property
    def hash(self) -> str:
        return self._walk.hash

    def begin(self, session: Session) -> Appended | None:
        """Look whether the event that it begins behind is as it was noted; that event. None: it begins with the first."""
        if self._since is None:
            return None
        check_anchor(session, self._since)
        (noted,) = page_behind(session.connection(), self._since.seq - 1)[:1]
        if hash_of(noted) != self._since.hash:
            raise broken(noted.seq, f"event {noted.seq} was changed after it was written")
        return noted

    def page(self, session: Session) -> list[Appended]:
        """The next events, which hold; none where the chain ends."""
        # Numbers begin with 1: what was put before them is seen too.
        behind = self._walk.seq if self._has_begun or self._since else -1
        self._has_begun = True
        events = page_behind(session.connection(), behind)
        for event in events:
            self._walk.follow(event)
        return events

    def end(self, session: Session) -> None:
        """Look whether the chain ends here. The session has read the last page in the same moment."""
        self._walk.end(head_of(session))


def check_anchor(session: Session, anchor: Anchor) -> None:
    """Raises Conflict where the event is not the one that was noted."""
    found = session.exec(select(Event.hash).where(Event.seq == anchor.seq)).first()
    if found != anchor.hash:
        raise broken(anchor.seq, f"event {anchor.seq} is not the event that was noted")


def head_of(session: Session) -> EventHead:
    """Where the chain ends. Raises Conflict where nothing says so."""
    head = session.exec(select(EventHead).execution_options(populate_existing=True)).first()
    if head is None:
        raise broken(1, "its head is missing")
    session.expunge(head)
    return head


def page_behind(connection: Connection, seq: int) -> list[Appended]:
    """The next events behind one, the oldest first."""
    rows = connection.execute(_EVENTS.where(col(Event.seq) > seq))
    return [Appended(**dict(zip(_FIELDS, row, strict=True))) for row in rows]


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
        after = after or _first_from(session, since) - 1  # only the first page has to find it
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
    first, end = 1, head_of(session).seq + 1
    while first < end:
        middle = (first + end) // 2
        at = session.exec(select(Event.at).where(col(Event.seq) >= middle).order_by(col(Event.seq)).limit(1)).first()
        first, end = (middle + 1, end) if at is not None and at < moment else (first, middle)
    return first
