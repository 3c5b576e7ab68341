"""From an event to its receivers: nothing lost, nothing made twice, nobody kept waiting by another."""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from sqlmodel import Session, col, select
from standardwebhooks import Webhook as Checker
from standardwebhooks import WebhookVerificationError

from app.database.connection import Database
from app.errors import Conflict, Forbidden
from app.events.tables import Event
from app.events.work import UnitOfWork
from app.identity.actor import Actor
from app.identity.roles import Grant, Role
from app.notifications import deliveries
from app.notifications.dispatch import dispatch
from app.notifications.keys import derive_secret
from app.notifications.notifier import Notifier
from app.notifications.queries import list_deliveries
from app.notifications.sending import DeliveryAttempt, NotDelivered
from app.notifications.service import (
    create_webhook,
    delete_webhook,
    recipient_of,
    redeliver_all_dead,
    redeliver_one,
    rotate_secret,
    try_webhook,
)
from app.notifications.tables import Delivery, DeliveryStatus, Webhook
from app.settings import Settings
from tests.notifications.conftest import ANNA, make_due, notifying
from tests.notifications.receiving import Receiver, local_reach, receiving, respond
from tests.waiting import PATIENCE_SECONDS, wait_until

ROOT = Path(__file__).parents[2]

Subscribe = Callable[..., Webhook]
Happen = Callable[..., int]


def now() -> datetime:
    return datetime.now(UTC)


def deliveries_in(database: Database) -> list[Delivery]:
    with database.read() as session:
        return list_deliveries(session)


def the_delivery(database: Database) -> Delivery:
    (delivery,) = deliveries_in(database)
    return delivery


def has_failed(database: Database, tries: int) -> bool:
    """So often."""
    return the_delivery(database).tries == tries


def take(database: Database, **more: object) -> list[DeliveryAttempt]:
    with database.write() as session:
        dispatch(session, ())
        return deliveries.take(session, most=10, **more)  # type: ignore[arg-type] # passed on


@pytest.mark.usefixtures("notifier")
def test_event_arrives_signed_as_the_specification_says(
    database: Database, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    webhook = subscribe(receiver.url())

    seq = happen("release.failed", sentence="Größer als erlaubt.")

    wait_until(lambda: receiver.received, what="the event has arrived")
    (request,) = receiver.received
    secret = derive_secret("k" * 40, webhook.id, generation=1)
    document = Checker(secret).verify(request.body, request.headers)
    assert document["type"] == "release.failed"
    assert document["data"]["data"] == {"sentence": "Größer als erlaubt."}
    with database.read() as session:
        event = session.get_one(Event, seq)
    assert (document["data"]["hash"], document["timestamp"]) == (event.hash, event.at.isoformat())
    assert request.headers["webhook-id"] == f"msg_{webhook.id}_{seq}"
    with pytest.raises(WebhookVerificationError):
        Checker(secret).verify(request.body.replace(b"failed", b"passed"), request.headers)
    wait_until(lambda: the_delivery(database).status is DeliveryStatus.DELIVERED, what="it is noted as delivered")


@pytest.mark.usefixtures("notifier")
def test_webhook_hears_of_its_kinds_and_models_only(receiver: Receiver, subscribe: Subscribe, happen: Happen) -> None:
    happen("release.failed")  # before there was anybody to hear of it
    subscribe(receiver.url(), kinds=["release.failed", "approval.*"], models=["churn"])
    happen("release.created")
    happen("release.failed", model="another")
    wanted = [happen("approval.approved"), happen("release.failed")]

    wait_until(lambda: len(receiver.received) >= 2, what="both have arrived")
    assert [json.loads(each.body)["data"]["seq"] for each in receiver.received] == wanted


@pytest.mark.usefixtures("notifier")
def test_rotated_secret_signs_beside_the_former_one(
    database: Database, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    webhook = subscribe(receiver.url())
    with UnitOfWork(database, ANNA).transaction() as work:
        rotate_secret(work, webhook.id)
    happen()
    wait_until(lambda: receiver.received, what="the event has arrived")

    with UnitOfWork(database, ANNA, now=now() - timedelta(days=2)).transaction() as work:
        rotate_secret(work, webhook.id)
    happen()
    wait_until(lambda: len(receiver.received) == 2, what="the other event has arrived")

    first, second = receiver.received
    for generation in (1, 2):
        Checker(derive_secret("k" * 40, webhook.id, generation=generation)).verify(first.body, first.headers)
    Checker(derive_secret("k" * 40, webhook.id, generation=3)).verify(second.body, second.headers)
    with pytest.raises(WebhookVerificationError):
        Checker(derive_secret("k" * 40, webhook.id, generation=2)).verify(second.body, second.headers)


@pytest.mark.usefixtures("notifier")
def test_event_that_did_not_arrive_is_tried_again_under_the_same_id(
    database: Database, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    receiver.answer = respond(500)
    subscribe(receiver.url())
    happen()
    wait_until(lambda: deliveries_in(database), what="it is to be delivered")
    wait_until(lambda: the_delivery(database).tries == 1, what="the first try has failed")
    failed = the_delivery(database)
    assert failed.status is DeliveryStatus.PENDING
    assert timedelta(seconds=3) < failed.due_at - now() < timedelta(seconds=7)
    assert (failed.answer, failed.sentence) == (500, "The answer was 500.")

    receiver.answer = respond(200)
    make_due(database)

    wait_until(lambda: the_delivery(database).status is DeliveryStatus.DELIVERED, what="the second try has arrived")
    assert len(set(receiver.ids)) == 1
    assert receiver.received[0].body == receiver.received[1].body


@pytest.mark.usefixtures("notifier")
def test_event_is_dead_after_a_day_of_tries_and_can_be_sent_again(
    database: Database, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    receiver.answer = respond(503)
    webhook = subscribe(receiver.url())
    happen()
    wait_until(lambda: deliveries_in(database), what="it is to be delivered")
    for tries in range(1, 10):
        wait_until(partial(has_failed, database, tries), what=f"try {tries} has failed")
        make_due(database)
    assert the_delivery(database).status is DeliveryStatus.DEAD

    receiver.answer = respond(200)
    with UnitOfWork(database, ANNA).transaction() as work:
        assert redeliver_all_dead(work, webhook.id) == 1

    wait_until(lambda: the_delivery(database).status is DeliveryStatus.DELIVERED, what="it has arrived")
    assert len(set(receiver.ids)) == 1
    with UnitOfWork(database, ANNA).transaction() as work:
        redeliver_one(work, the_delivery(database).id or 0)
    wait_until(lambda: len(receiver.received) == 11, what="what had arrived has arrived again")


def test_slow_receiver_keeps_nobody_else_waiting(
    database: Database, settings: Settings, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    let_go = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        let_go.wait(PATIENCE_SECONDS)
        respond(200)(handler)

    patient = local_reach(seconds=PATIENCE_SECONDS)  # nobody is given up meanwhile, and tried again
    with receiving() as other, notifying(database, settings, reach=patient):
        receiver.answer = slow
        subscribe(receiver.url())
        subscribe(other.url())
        for _ in range(40):
            happen()
        wait_until(lambda: len(other.received) == 40, what="the quick one has heard of everything")
        assert len(receiver.received) == 1, "one at a time goes to a receiver"
        receiver.answer = respond(200)
        let_go.set()
        wait_until(lambda: len(set(receiver.ids)) == 40, what="the slow one has too")
        assert len(other.received) == 40


def test_receiver_that_is_gone_is_told_nothing_more(
    database: Database, notifier: Notifier, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    receiver.answer = respond(410)
    webhook = subscribe(receiver.url())
    happen()

    def is_disabled() -> bool:
        with database.read() as session:
            return session.get_one(Webhook, webhook.id).disabled_at is not None

    wait_until(is_disabled, what="it is disabled")
    happen()
    with UnitOfWork(database, ANNA).transaction() as work, pytest.raises(Conflict, match="disabled"):
        try_webhook(work, webhook.id)
    notifier.stop()
    notifier.wait_until_stopped()
    assert len(receiver.received) == 1


@pytest.mark.usefixtures("notifier")
def test_trying_out_reaches_a_webhook_whatever_it_is_for(
    database: Database, receiver: Receiver, subscribe: Subscribe
) -> None:
    webhook = subscribe(receiver.url(), kinds=["release.failed"])
    with UnitOfWork(database, ANNA).transaction() as work:
        try_webhook(work, webhook.id)

    wait_until(lambda: receiver.received, what="it has arrived")
    assert json.loads(receiver.received[0].body)["type"] == "webhook.tested"


def test_two_notifiers_at_once_deliver_everything_once(
    database: Database, settings: Settings, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    subscribe(receiver.url())
    with notifying(database, settings), notifying(database, settings), notifying(database, settings):
        for _ in range(30):
            happen()
        wait_until(lambda: len(set(receiver.ids)) == 30, what="all have arrived", seconds=60)
    assert len(receiver.ids) == 30


def test_event_is_turned_into_a_delivery_once(database: Database, subscribe: Subscribe, happen: Happen) -> None:
    subscribe("https://hooks.example.com/")
    for _ in range(3):
        happen()

    assert len(take(database)) == 1, "one at a time for a recipient"
    with database.write() as session:
        assert dispatch(session, ()) == 0
    assert len(deliveries_in(database)) == 3


def test_dispatch_that_is_rolled_back_is_made_anew(database: Database, subscribe: Subscribe, happen: Happen) -> None:
    subscribe("https://hooks.example.com/")
    happen()

    def killed(_session: Session, _event: Event) -> None:
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"), database.write() as session:
        dispatch(session, [killed])

    assert deliveries_in(database) == []
    assert len(take(database)) == 1


def test_delivery_that_another_process_took_over_is_not_ended_by_the_first(
    database: Database, subscribe: Subscribe, happen: Happen
) -> None:
    subscribe("https://hooks.example.com/")
    happen()
    (late,) = take(database, lease=timedelta(0))
    (taken_over,) = take(database)
    assert (late.message_id, late.lease) != (taken_over.message_id, taken_over.lease)

    with database.write() as session:
        assert deliveries.mark_not_delivered(session, late, NotDelivered("late", for_good=True), jitter=0) is None

    assert the_delivery(database).status is DeliveryStatus.PENDING
    assert take(database) == [], "the second still holds it"


def test_removed_webhook_leaves_nothing_to_deliver(database: Database, subscribe: Subscribe, happen: Happen) -> None:
    webhook = subscribe("https://hooks.example.com/")
    happen()
    take(database)
    with UnitOfWork(database, ANNA).transaction() as work:
        delete_webhook(work, webhook.id)

    assert deliveries_in(database) == []
    with database.read() as session:
        assert session.exec(select(Event.kind).order_by(col(Event.seq))).all()[-1] == "webhook.deleted"


def test_delivery_of_a_killed_process_arrives_by_another(
    database: Database, settings: Settings, receiver: Receiver, subscribe: Subscribe, happen: Happen
) -> None:
    """Killed between what was sent and what was noted: the worst moment."""
    let_go = threading.Event()

    def hold(_handler: BaseHTTPRequestHandler) -> None:
        let_go.wait(60)

    receiver.answer = hold
    webhook = subscribe(receiver.url())
    seq = happen()
    command = [sys.executable, "-m", "tests.notifications.dying_notifier", database.url, "2"]
    with subprocess.Popen(command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}) as process:
        try:
            wait_until(lambda: receiver.received, what="the first process is sending")
        finally:
            process.send_signal(signal.SIGKILL)
    receiver.answer = respond(200)
    let_go.set()

    with notifying(database, settings):
        wait_until(
            lambda: the_delivery(database).status is DeliveryStatus.DELIVERED, what="the second has delivered it"
        )

    assert receiver.ids == [f"msg_{webhook.id}_{seq}"] * 2
    assert the_delivery(database).recipient == recipient_of(webhook.id)


@pytest.mark.parametrize(
    "change",
    [
        lambda work, _webhook: create_webhook(work, url="https://hooks.example.com/"),
        lambda work, webhook: delete_webhook(work, webhook),
        lambda work, webhook: rotate_secret(work, webhook),
        lambda work, webhook: try_webhook(work, webhook),
        lambda work, webhook: redeliver_all_dead(work, webhook),
        lambda work, _webhook: redeliver_one(work, 1),
    ],
)
def test_webhooks_are_changed_by_who_administers_everything_only(
    change: Callable[[UnitOfWork, str], object], database: Database, subscribe: Subscribe
) -> None:
    webhook = subscribe("https://hooks.example.com/")
    with database.read() as session:
        before = session.exec(select(Event.kind)).all()

    admin_of_one = Actor(name="boris", via="api", grants=(Grant(Role.ADMIN, "churn"), Grant(Role.OPERATOR)))
    with pytest.raises(Forbidden), UnitOfWork(database, admin_of_one).transaction() as work:
        change(work, webhook.id)

    with database.read() as session:
        assert session.exec(select(Event.kind)).all() == before
