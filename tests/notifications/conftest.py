"""Receivers, a webhook, and a notifier that tells it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import select

from app.database.connection import Database
from app.events.work import UnitOfWork
from app.identity.actor import Actor
from app.identity.roles import Grant, Role
from app.notifications.notifier import Notifier
from app.notifications.service import create_webhook
from app.notifications.tables import Channel, Delivery, DeliveryStatus, Webhook
from app.notifications.webhooks import WebhookSender
from app.settings import Settings
from tests.notifications.receiving import Receiver, local_reach, receiving

ANNA = Actor(name="anna", via="cli", grants=(Grant(Role.ADMIN),))


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data", database_url=database_url, signing_keys=SecretStr("k" * 40))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture
def subscribe(database: Database) -> Callable[..., Webhook]:
    def subscribe(url: str, **more: Any) -> Webhook:
        with UnitOfWork(database, ANNA).transaction() as work:
            return create_webhook(work, url=url, **more)

    return subscribe


@pytest.fixture
def happen(database: Database) -> Callable[..., int]:
    """Something happens; the number of its event."""

    def happen(kind: str = "release.created", model: str = "churn", **data: Any) -> int:
        with UnitOfWork(database, ANNA).transaction() as work:
            event = work.append_event(kind, subject="churn-1", model=model, data=data)
        return event.seq

    return happen


@contextmanager
def notifying(database: Database, settings: Settings, **more: Any) -> Iterator[Notifier]:
    """A notifier at work until the end of the ``with``."""
    rules = more.pop("reach", None) or local_reach()
    senders = {Channel.WEBHOOK: WebhookSender(database, settings, rules=rules)}
    notifier = Notifier(database, senders, poll_seconds=0.02, **more)
    notifier.start()
    try:
        yield notifier
    finally:
        notifier.stop()
        notifier.wait_until_stopped()


def make_due(database: Database) -> None:
    """Let the time pass until the next try."""
    with database.write() as session:
        for row in session.exec(select(Delivery).where(Delivery.status == DeliveryStatus.PENDING)).all():
            row.due_at = row.leased_until = datetime.now(UTC) - timedelta(seconds=1)
            session.add(row)


@pytest.fixture
def notifier(database: Database, settings: Settings) -> Iterator[Notifier]:
    with notifying(database, settings) as notifier:
        yield notifier
