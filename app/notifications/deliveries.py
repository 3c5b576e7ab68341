"""Deliveries: requested, taken, finished. The only writer of them.

The sender of a delivery holds its lease: a row that was taken and not finished, because its process died, is free again when the lease has run
out. So each is delivered at least once, with the same message id however often that is.
"""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import and_, delete, or_, update
from sqlmodel import Session, col, func, select

from app.database.clock import database_now
from app.documents.json_object import Json
from app.errors import Conflict, NotFound
from app.notifications.schedule import next_wait
from app.notifications.sending import Delivered, DeliveryAttempt, NotDelivered
from app.notifications.tables import Channel, Delivery, DeliveryStatus

LEASE = timedelta(seconds=90)  # longer than any sender takes
SETTLE = timedelta(seconds=1)  # before a message follows its rollout: steps often change several at once


def request_delivery(
    session: Session,
    channel: Channel,
    address: str,
    *,
    message_id: str,
    subject: str,
    seq: int,
    release_id: str | None = None,
    memory: Json | None = None,
) -> None:
    """Request a delivery. Requested again under the same ``message_id``, the same message is sent again with the newest state."""
    known = session.exec(select(Delivery).where(Delivery.message_id == message_id).with_for_update()).first()
    now = database_now(session)
    if known is None:
        known = Delivery(
            message_id=message_id,
            channel=channel,
            recipient=f"{channel.value}:{address}",
            subject=subject,
            release_id=release_id,
            seq=seq,
            due_at=now,
            memory=memory or {},
            created_at=now,
        )
    elif seq > known.seq:
        _make_due(known, seq=seq, due_at=now)
    session.add(known)
    session.flush()


def request_updates(session: Session, channel: Channel, release_id: str, *, seq: int) -> None:
    """Request updates of the messages about this release's rollouts."""
    query = select(Delivery).where(
        Delivery.channel == channel, Delivery.release_id == release_id, col(Delivery.seq) < seq
    )
    for message in session.exec(query.with_for_update()).all():
        _make_due(message, seq=seq, due_at=database_now(session) + SETTLE)
        session.add(message)
    session.flush()


def take(session: Session, *, most: int, busy: Collection[str] = (), lease: timedelta = LEASE) -> list[DeliveryAttempt]:
    """Take deliveries that are due, the oldest of each recipient, and hold them for the length of ``lease``.

    At most one for each recipient, and none for those that are ``busy``: a slow recipient delays only itself.
    """
    now = database_now(session)
    is_due = and_(
        col(Delivery.status) == DeliveryStatus.PENDING,
        col(Delivery.due_at) <= now,
        or_(col(Delivery.leased_until).is_(None), col(Delivery.leased_until) <= now),
    )
    first = func.min(Delivery.id)
    heads = (
        select(first).where(is_due, col(Delivery.recipient).not_in(busy)).group_by(Delivery.recipient).order_by(first)
    )
    ids = session.exec(heads.limit(most)).all()
    query = select(Delivery).where(col(Delivery.id).in_(ids), is_due).order_by(col(Delivery.id))
    # Those that another worker is taking at this moment are its own.
    found = session.exec(query.with_for_update(skip_locked=True)).all()
    for row in found:
        row.lease, row.leased_until = secrets.token_hex(8), now + lease
        session.add(row)
    session.flush()
    return [_attempt(row) for row in found]


def anything_due(session: Session) -> bool:
    """Whether ``take`` may find something; changes nothing."""
    now = database_now(session)
    query = select(Delivery.id).where(
        Delivery.status == DeliveryStatus.PENDING,
        col(Delivery.due_at) <= now,
        or_(col(Delivery.leased_until).is_(None), col(Delivery.leased_until) <= now),
    )
    return session.exec(query.limit(1)).first() is not None


def mark_delivered(session: Session, attempt: DeliveryAttempt, done: Delivered) -> None:
    """Record a success. If the message was requested again meanwhile, it is due again."""
    row = _leased(session, attempt)
    if row is None:
        return
    now = database_now(session)
    row.lease, row.leased_until, row.tries = None, None, 0
    row.answer, row.sentence, row.delivered_at = done.answer, done.sentence, now
    if done.memory is not None:
        row.memory = done.memory
    if row.seq == attempt.seq:
        row.status = DeliveryStatus.DELIVERED
    session.add(row)
    session.flush()


def mark_not_delivered(
    session: Session, attempt: DeliveryAttempt, why: NotDelivered, *, jitter: float
) -> DeliveryStatus | None:
    """Record a failure: it is due later, or dead. None when this process no longer holds the lease."""
    row = _leased(session, attempt)
    if row is None:
        return None
    row.lease, row.leased_until = None, None
    row.tries += 1
    row.answer, row.sentence = why.answer, why.sentence
    wait = None if why.for_good else next_wait(row.channel, row.tries, asked=why.wait, jitter=jitter)
    if wait is None:
        row.status = DeliveryStatus.DEAD
    else:
        row.due_at = database_now(session) + wait
    session.add(row)
    session.flush()
    return row.status


def redeliver(session: Session, delivery_id: int) -> Delivery:
    """Send it again under the same message id. Raises NotFound, or Conflict while it is pending."""
    row = session.exec(select(Delivery).where(Delivery.id == delivery_id).with_for_update()).first()
    if row is None:
        raise NotFound(f"There is no delivery {delivery_id}.", code="delivery_not_found")
    if row.status is DeliveryStatus.PENDING:
        raise Conflict(
            f"Delivery {delivery_id} is still pending; its next attempt is at {row.due_at.isoformat(timespec='seconds')}.",
            code="delivery_pending",
        )
    _make_due(row, seq=row.seq, due_at=database_now(session))
    session.add(row)
    session.flush()
    return row


def redeliver_dead(session: Session, recipient: str) -> int:
    """Send this recipient's dead deliveries again; their number."""
    dead = select(Delivery).where(Delivery.recipient == recipient, Delivery.status == DeliveryStatus.DEAD)
    found = session.exec(dead.with_for_update()).all()
    for row in found:
        _make_due(row, seq=row.seq, due_at=database_now(session))
        session.add(row)
    session.flush()
    return len(found)


def give_up(session: Session, recipient: str, *, because: str) -> None:
    """Mark the pending deliveries of this recipient as dead."""
    session.execute(
        update(Delivery)
        .where(col(Delivery.recipient) == recipient, col(Delivery.status) == DeliveryStatus.PENDING)
        .values(status=DeliveryStatus.DEAD, sentence=because, lease=None, leased_until=None)
    )


def delete_for(session: Session, recipient: str) -> None:
    """Delete every delivery to this recipient."""
    session.execute(delete(Delivery).where(col(Delivery.recipient) == recipient))


def delete_delivered(session: Session, *, before: datetime) -> None:
    """Delete old rows. Those of Slack messages stay: without its row the next change would be a second message."""
    session.execute(
        delete(Delivery).where(
            col(Delivery.status) == DeliveryStatus.DELIVERED,
            col(Delivery.channel) != Channel.SLACK,
            col(Delivery.delivered_at) < before,
        )
    )


def _make_due(row: Delivery, *, seq: int, due_at: datetime) -> None:
    """Make it due, with all its attempts. A lease stays: its holder sees at the end that there is a newer state to send."""
    row.seq, row.tries = seq, 0
    if row.status is not DeliveryStatus.PENDING or due_at < row.due_at:
        row.due_at = due_at
    row.status = DeliveryStatus.PENDING


def _leased(session: Session, attempt: DeliveryAttempt) -> Delivery | None:
    """The row, unless another process has taken it over."""
    row = session.exec(select(Delivery).where(Delivery.id == attempt.id).with_for_update()).first()
    return row if row is not None and row.lease == attempt.lease else None


def _attempt(row: Delivery) -> DeliveryAttempt:
    assert row.id is not None, "a stored delivery has an id"
    assert row.lease is not None, "what was taken has a lease"
    return DeliveryAttempt(
        id=row.id,
        message_id=row.message_id,
        channel=row.channel,
        recipient=row.recipient,
        subject=row.subject,
        seq=row.seq,
        tries=row.tries,
        lease=row.lease,
        memory=dict(row.memory),
    )
