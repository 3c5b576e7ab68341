"""Webhooks: made, rotated, tried out, removed. The only writer of them; each change is an event."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlmodel import Session, select

from app.errors import Conflict, NotFound
from app.identity.actor import SERVICE, Actor
from app.notifications import deliveries
from app.notifications.tables import Channel, Delivery, Webhook
from app.releases.events import Appended, append_event, link_events, lock_chain_head
from app.releases.tables import EventHead

# Nobody is told of these, or telling somebody could itself be something to tell.
OWN_EVENTS = "webhook."


def create_webhook(
    session: Session,
    *,
    url: str,
    kinds: Sequence[str] = (),
    models: Sequence[str] = (),
    note: str | None = None,
    actor: Actor,
    now: datetime,
) -> Webhook:
    """``url`` was checked. It hears of what happens from now on; ``kinds`` and ``models`` narrow that, none mean all."""
    lock_chain_head(session)
    webhook = Webhook(
        id=f"wh_{secrets.token_hex(8)}",
        url=url,
        kinds=list(kinds),
        models=list(models),
        note=note,
        since=session.exec(select(EventHead.seq)).one(),
        created_at=now,
        created_by=actor.name,
    )
    session.add(webhook)
    data = {"url": url, "kinds": list(kinds), "models": list(models), "note": note}
    _record(session, "webhook.created", webhook, actor=actor, now=now, data=data)
    return webhook


def delete_webhook(session: Session, webhook_id: str, *, actor: Actor, now: datetime) -> None:
    """It, and what it was still to be told. Raises NotFound."""
    webhook = lock_webhook(session, webhook_id)
    deliveries.delete_for(session, recipient_of(webhook.id))
    session.delete(webhook)
    _record(session, "webhook.deleted", webhook, actor=actor, now=now, data={"url": webhook.url})


def rotate_secret(session: Session, webhook_id: str, *, actor: Actor, now: datetime) -> Webhook:
    """A new secret; for a day the former one signs too. Raises NotFound."""
    webhook = lock_webhook(session, webhook_id)
    webhook.generation += 1
    webhook.rotated_at = now
    session.add(webhook)
    _record(session, "webhook.secret_rotated", webhook, actor=actor, now=now, data={"generation": webhook.generation})
    return webhook


def try_webhook(session: Session, webhook_id: str, *, actor: Actor, now: datetime) -> Webhook:
    """Send an event that says nothing but that it arrives, whatever the webhook is for. Raises NotFound, Conflict."""
    webhook = lock_webhook(session, webhook_id)
    if webhook.disabled_at is not None:
        raise Conflict(
            f"{webhook.id} is disabled. {webhook.disabled_because}",
            code="webhook_disabled",
            hint="Remove it, and make a new one once the receiver wants events again.",
        )
    tested = _record(session, "webhook.tested", webhook, actor=actor, now=now, data={})
    link_events(session)
    notify(session, webhook.id, seq=tested.seq)
    return webhook


def redeliver_one(session: Session, delivery_id: int, *, actor: Actor, now: datetime) -> Delivery:
    """Raises NotFound, Conflict."""
    row = deliveries.redeliver(session, delivery_id)
    data = {"delivery": row.message_id, "recipient": row.recipient}
    append_event(session, "webhook.redelivered", subject=row.message_id, actor=actor, now=now, data=data)
    return row


def redeliver_all_dead(session: Session, webhook_id: str, *, actor: Actor, now: datetime) -> int:
    """Everything that was given up for this webhook; how many those are. Raises NotFound."""
    webhook = lock_webhook(session, webhook_id)
    count = deliveries.redeliver_dead(session, recipient_of(webhook.id))
    _record(session, "webhook.redelivered", webhook, actor=actor, now=now, data={"count": count})
    return count


def disable_webhook(session: Session, webhook_id: str, *, because: str, now: datetime) -> None:
    """The receiver wants nothing more. One that was removed meanwhile needs nothing."""
    webhook = session.exec(select(Webhook).where(Webhook.id == webhook_id).with_for_update()).first()
    if webhook is None or webhook.disabled_at is not None:
        return
    webhook.disabled_at, webhook.disabled_because = now, because
    session.add(webhook)
    deliveries.give_up(session, recipient_of(webhook.id), because=because)
    _record(session, "webhook.disabled", webhook, actor=SERVICE, now=now, data={"sentence": because})


def notify(session: Session, webhook_id: str, *, seq: int) -> None:
    """Have a webhook told of one event. Its message id is made of both, so it is told once however often this is said."""
    deliveries.request_delivery(
        session, Channel.WEBHOOK, webhook_id, message_id=f"msg_{webhook_id}_{seq}", subject=str(seq), seq=seq
    )


def recipient_of(webhook_id: str) -> str:
    return f"{Channel.WEBHOOK.value}:{webhook_id}"


def lock_webhook(session: Session, webhook_id: str) -> Webhook:
    """Raises NotFound."""
    webhook = session.exec(select(Webhook).where(Webhook.id == webhook_id).with_for_update()).first()
    if webhook is None:
        raise NotFound(
            f"There is no webhook {webhook_id!r}.",
            code="webhook_not_found",
            hint="`mlrelease webhooks list` shows those that there are.",
        )
    return webhook


def _record(
    session: Session, kind: str, webhook: Webhook, *, actor: Actor, now: datetime, data: dict[str, Any]
) -> Appended:
    session.flush()
    return append_event(session, kind, subject=webhook.id, actor=actor, now=now, data=data)
