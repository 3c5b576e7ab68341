"""Webhooks: created, rotated, tested, deleted, by who may administer everything. The only writer of them; each change is an event."""

import secrets
from collections.abc import Sequence
from typing import Any

from sqlmodel import Session, select

from app.errors import Conflict, NotFound
from app.events.chain import Appended
from app.events.tables import EventHead
from app.events.work import UnitOfWork
from app.identity.actor import require_everywhere
from app.identity.roles import Permission
from app.notifications import deliveries
from app.notifications.tables import Channel, Delivery, Webhook

# Nobody is told of these, or telling somebody could itself be something to tell.
OWN_EVENTS = "webhook."


def create_webhook(
    work: UnitOfWork,
    *,
    url: str,
    kinds: Sequence[str] = (),
    models: Sequence[str] = (),
    note: str | None = None,
) -> Webhook:
    """Create a webhook for an ``url`` that was checked. Empty ``kinds`` or ``models`` mean all. Raises Forbidden."""
    require_everywhere(work.actor, Permission.ADMINISTER)
    work.lock_chain_head()
    webhook = Webhook(
        id=f"wh_{secrets.token_hex(8)}",
        url=url,
        kinds=list(kinds),
        models=list(models),
        note=note,
        since=work.exec(select(EventHead.seq)).one(),
        created_at=work.now,
        created_by=work.actor.name,
    )
    work.add(webhook)
    data = {"url": url, "kinds": list(kinds), "models": list(models), "note": note}
    _record(work, "webhook.created", webhook, data=data)
    return webhook


def delete_webhook(work: UnitOfWork, webhook_id: str) -> None:
    """Delete a webhook and its deliveries. Raises Forbidden, NotFound."""
    require_everywhere(work.actor, Permission.ADMINISTER)
    webhook = lock_webhook(work, webhook_id)
    deliveries.delete_for(work, recipient_of(webhook.id))
    work.delete(webhook)
    _record(work, "webhook.deleted", webhook, data={"url": webhook.url})


def rotate_secret(work: UnitOfWork, webhook_id: str) -> Webhook:
    """Create a new secret; the previous one also signs for a day. Raises Forbidden, NotFound."""
    require_everywhere(work.actor, Permission.ADMINISTER)
    webhook = lock_webhook(work, webhook_id)
    webhook.generation += 1
    webhook.rotated_at = work.now
    work.add(webhook)
    _record(work, "webhook.secret_rotated", webhook, data={"generation": webhook.generation})
    return webhook


def try_webhook(work: UnitOfWork, webhook_id: str) -> Webhook:
    """Send a test event, whatever kinds the webhook wants. Raises Forbidden, NotFound, Conflict."""
    require_everywhere(work.actor, Permission.ADMINISTER)
    webhook = lock_webhook(work, webhook_id)
    if webhook.disabled_at is not None:
        raise Conflict(
            f"{webhook.id} is disabled. {webhook.disabled_because}",
            code="webhook_disabled",
            hint="Delete it, and create a new one when the receiver wants events again.",
        )
    tested = _record(work, "webhook.tested", webhook, data={})
    work.link_events()
    notify(work, webhook.id, seq=tested.seq)
    return webhook


def redeliver_one(work: UnitOfWork, delivery_id: int) -> Delivery:
    """Raises Forbidden, NotFound, Conflict."""
    require_everywhere(work.actor, Permission.ADMINISTER)
    row = deliveries.redeliver(work, delivery_id)
    data = {"delivery": row.message_id, "recipient": row.recipient}
    work.append_event("webhook.redelivered", subject=row.message_id, data=data)
    return row


def redeliver_all_dead(work: UnitOfWork, webhook_id: str) -> int:
    """Send the webhook's dead deliveries again; their number. Raises Forbidden, NotFound."""
    require_everywhere(work.actor, Permission.ADMINISTER)
    webhook = lock_webhook(work, webhook_id)
    count = deliveries.redeliver_dead(work, recipient_of(webhook.id))
    _record(work, "webhook.redelivered", webhook, data={"count": count})
    return count


def disable_webhook(work: UnitOfWork, webhook_id: str, *, because: str) -> None:
    """Disable a webhook whose receiver wants no more events. A deleted one is left alone."""
    webhook = work.exec(select(Webhook).where(Webhook.id == webhook_id).with_for_update()).first()
    if webhook is None or webhook.disabled_at is not None:
        return
    webhook.disabled_at, webhook.disabled_because = work.now, because
    work.add(webhook)
    deliveries.give_up(work, recipient_of(webhook.id), because=because)
    _record(work, "webhook.disabled", webhook, data={"sentence": because})


def notify(session: Session, webhook_id: str, *, seq: int) -> None:
    """Request the delivery of one event to a webhook. Its message id names both, so repeating this has no effect."""
    deliveries.request_delivery(
        session, Channel.WEBHOOK, webhook_id, message_id=f"msg_{webhook_id}_{seq}", subject=str(seq), seq=seq
    )


def recipient_of(webhook_id: str) -> str:
    return f"{Channel.WEBHOOK.value}:{webhook_id}"


def lock_webhook(work: UnitOfWork, webhook_id: str) -> Webhook:
    """Raises NotFound."""
    webhook = work.exec(select(Webhook).where(Webhook.id == webhook_id).with_for_update()).first()
    if webhook is None:
        raise NotFound(
            f"There is no webhook {webhook_id!r}.",
            code="webhook_not_found",
            hint="`mlrelease webhooks list` lists them.",
        )
    return webhook


def _record(work: UnitOfWork, kind: str, webhook: Webhook, *, data: dict[str, Any]) -> Appended:
    work.flush()
    return work.append_event(kind, subject=webhook.id, data=data)
