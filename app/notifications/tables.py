"""Webhooks and deliveries. Written by ``notifications.service`` and ``notifications.deliveries`` alone."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from app.database.types import JsonColumn, UtcDateTime, word_column
from app.documents.json_object import Json


class Channel(StrEnum):
    """How a delivery is sent."""

    WEBHOOK = "webhook"
    SLACK = "slack"  # one message a rollout, which follows it
    SLACK_REPLY = "slack_reply"  # seen by the one who pressed a button
    TEAMS = "teams"
    GITHUB = "github"  # the decision on a run that waits at a gate
    AZURE_PIPELINES = "azure_pipelines"  # the same


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"  # given up; it can be sent again by hand


class Webhook(SQLModel, table=True):
    """An address that receives events. Its secret is not stored: ``notifications.keys`` derives it."""

    __tablename__ = "webhook"

    id: str = Field(primary_key=True)
    url: str
    kinds: list[str] = Field(sa_column=Column(JsonColumn, nullable=False))  # none: all
    models: list[str] = Field(sa_column=Column(JsonColumn, nullable=False))  # none: all
    note: str | None = None
    since: int  # the number of the last event before it
    generation: int = 1  # of its secret
    rotated_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # until a day later, both secrets sign
    disabled_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    disabled_because: str | None = None
    created_at: datetime = Field(sa_type=UtcDateTime)
    created_by: str


class Delivery(SQLModel, table=True):
    """One message to one recipient. Times are by the database's clock."""

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_due", "status", "due_at"),
        Index("ix_delivery_recipient", "recipient", "id"),
        Index("ix_delivery_status", "status", "id"),
        Index("ix_delivery_recipient_status", "recipient", "status", "id"),
        Index("ix_delivery_release", "release_id", "channel"),
    )

    id: int | None = Field(default=None, primary_key=True)
    message_id: str = Field(unique=True)  # a repeated delivery carries the same
    channel: Channel = Field(sa_type=word_column(Channel))
    recipient: str  # <channel>:<webhook id, Slack channel or key of a setting>: one delivery at a time goes to it
    subject: str  # what it is about: a rollout, or the number of an event
    release_id: str | None = None
    seq: int  # of the event that it tells of; of the newest, where one message follows a rollout
    status: DeliveryStatus = Field(default=DeliveryStatus.PENDING, sa_type=word_column(DeliveryStatus))
    tries: int = 0
    due_at: datetime = Field(sa_type=UtcDateTime)
    lease: str | None = None  # of who is sending it
    leased_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    answer: int | None = None  # the status of the last answer, where there was one
    sentence: str = ""  # what became of the last try
    memory: Json = Field(default_factory=dict, sa_column=Column(JsonColumn, nullable=False))  # what the way must know
    created_at: datetime = Field(sa_type=UtcDateTime)
    delivered_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class EventCursor(SQLModel, table=True):
    """The one row that says up to which event deliveries were created. It moves in the same transaction."""

    __tablename__ = "event_cursor"

    id: int = Field(primary_key=True, default=1)
    seq: int = 0
