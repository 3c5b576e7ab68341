"""From events to deliveries: none is lost, none is created twice.

Events are numbered without gaps in the order of commits, so one number says how far this has come. It moves in the transaction that
makes the deliveries, and its row's lock puts workers in a line. Nobody who writes an event waits for any of this.
"""

from collections.abc import Callable, Sequence

from sqlmodel import Session, select

from app.events.tables import Event, EventHead
from app.notifications.service import OWN_EVENTS, notify
from app.notifications.tables import EventCursor, Webhook
from app.releases.queries import list_events

BATCH = 200


# Says who is to be told of an event, by making deliveries. Called once for each event, in their order.
Announcer = Callable[[Session, Event], None]


def anything_new(session: Session) -> bool:
    """Whether ``dispatch`` would find something; changes nothing."""
    return session.exec(select(EventHead.seq)).one() > session.exec(select(EventCursor.seq)).one()


def hold_dispatch(session: Session) -> None:
    """Until the end of this transaction no event is dispatched: what it writes is seen by the announcers of all that are not yet."""
    session.exec(select(EventCursor).with_for_update()).one()


def dispatch(session: Session, announcers: Sequence[Announcer]) -> int:
    """Create the deliveries of the next events; the number of events. 0: another worker does it, or there are none."""
    cursor = session.exec(select(EventCursor).with_for_update(skip_locked=True)).first()
    if cursor is None:
        return 0
    events = list_events(session, after=cursor.seq, limit=BATCH)
    webhooks = session.exec(select(Webhook).where(Webhook.disabled_at == None)).all()  # noqa: E711 - SQL
    for event in events:
        for webhook in webhooks:
            if wants(webhook, event):
                notify(session, webhook.id, seq=event.seq)
        for announce in announcers:
            announce(session, event)
        cursor.seq = event.seq
    session.add(cursor)
    session.flush()
    return len(events)


def wants(webhook: Webhook, event: Event) -> bool:
    """Whether the webhook wants this event."""
    if event.seq <= webhook.since or event.kind.startswith(OWN_EVENTS):
        return False
    return _is_of_kind(event.kind, webhook.kinds) and (not webhook.models or event.model in webhook.models)


def _is_of_kind(kind: str, kinds: Sequence[str]) -> bool:
    room = kind.partition(".")[0] + ".*"
    return not kinds or kind in kinds or room in kinds
