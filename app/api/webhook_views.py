"""Response bodies of webhooks and deliveries."""

from datetime import datetime

from pydantic import BaseModel, Field

from app.api.paging import Page
from app.notifications.tables import Channel, Delivery, DeliveryStatus, Webhook


class WebhookView(BaseModel):
    """A webhook without its secret."""

    id: str
    url: str
    kinds: list[str] = Field(description="of events, such as `release.failed` or `approval.*`; none: all")
    models: list[str] = Field(description="none: all")
    note: str | None
    rotated_at: datetime | None
    disabled_at: datetime | None
    disabled_because: str | None
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, webhook: Webhook) -> "WebhookView":
        return cls(**webhook.model_dump(include=set(cls.model_fields)))


class WebhookWithSecret(WebhookView):
    secret: str = Field(description="shown only here: the receiver checks signatures with it")


class DeliveryView(BaseModel):
    """A message to one recipient."""

    id: int
    message_id: str = Field(description="`webhook-id` of the request; a repeated delivery has the same")
    channel: Channel
    recipient: str
    subject: str
    release: str | None
    seq: int = Field(description="number of the event that it reports")
    status: DeliveryStatus
    tries: int = Field(description="failed attempts")
    due_at: datetime
    answer: int | None = Field(description="HTTP status of the last response")
    sentence: str
    created_at: datetime
    delivered_at: datetime | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        return cls(**delivery.model_dump(include=set(cls.model_fields)), release=delivery.release_id)


class WebhookPage(Page):
    items: list[WebhookView]


class DeliveryPage(Page):
    items: list[DeliveryView]


class Redelivered(BaseModel):
    count: int
