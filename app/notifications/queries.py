"""Reading webhooks and deliveries."""

from sqlmodel import Session, col, select

from app.errors import NotFound
from app.notifications.tables import Channel, Delivery, DeliveryStatus, Webhook


def list_webhooks(session: Session) -> list[Webhook]:
    """The oldest first."""
    return list(session.exec(select(Webhook).order_by(col(Webhook.created_at), col(Webhook.id))).all())


def get_webhook(session: Session, webhook_id: str) -> Webhook:
    """Raises NotFound."""
    webhook = session.get(Webhook, webhook_id)
    if webhook is None:
        raise NotFound(
            f"There is no webhook {webhook_id!r}.",
            code="webhook_not_found",
            hint="`mlrelease webhooks list` lists them.",
        )
    return webhook


def list_deliveries(
    session: Session,
    *,
    recipient: str | None = None,
    status: DeliveryStatus | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Delivery]:
    """The newest first; ``before`` is the id where the page before ended."""
    query = select(Delivery).order_by(col(Delivery.id).desc()).limit(limit)
    if recipient is not None:
        query = query.where(Delivery.recipient == recipient)
    if status is not None:
        query = query.where(Delivery.status == status)
    if before is not None:
        query = query.where(col(Delivery.id) < before)
    return list(session.exec(query).all())


def newest_about(session: Session, channel: Channel, release_id: str, subject: str) -> Delivery | None:
    """The newest delivery through a channel about a rollout; None: there is none."""
    query = select(Delivery).where(
        Delivery.channel == channel, Delivery.release_id == release_id, Delivery.subject == subject
    )
    return session.exec(query.order_by(col(Delivery.id).desc()).limit(1)).first()
