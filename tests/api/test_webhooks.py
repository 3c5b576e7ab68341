"""Webhooks over HTTP."""

import httpx
import pytest
from sqlalchemy import text
from standardwebhooks import Webhook as Checker

from app.notifications.notifier import Notifier
from app.notifications.tables import Channel
from app.notifications.webhooks import WebhookSender
from tests.api.playing import as_json
from tests.api.serving import Served, problem_of
from tests.notifications.receiving import local_reach, receiving, respond
from tests.waiting import wait_until

URL = "https://hooks.example.com/mlrelease"


@pytest.fixture(autouse=True)
def _signing_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLRELEASE_SIGNING_KEYS", "k" * 40)


def create(client: httpx.Client, **body: object) -> dict[str, object]:
    return as_json(client.post("/v1/webhooks", json={"url": URL, **body}))


def test_webhook_is_made_with_a_secret_that_is_shown_once(anna: httpx.Client) -> None:
    made = anna.post("/v1/webhooks", json={"url": URL, "kinds": ["release.*"], "models": ["churn"], "note": "CI"})

    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    webhook = made.json()
    secret = webhook.pop("secret")
    assert secret.startswith("whsec_")
    assert made.headers["Location"] == f"/v1/webhooks/{webhook['id']}"
    assert as_json(anna.get(f"/v1/webhooks/{webhook['id']}")) == webhook
    assert as_json(anna.get("/v1/webhooks"))["items"] == [webhook]
    assert (webhook["kinds"], webhook["models"], webhook["created_by"]) == (["release.*"], ["churn"], "anna")


def test_same_request_again_is_the_same_webhook_with_the_same_secret(anna: httpx.Client) -> None:
    first, second = (
        anna.post("/v1/webhooks", json={"url": URL}, headers={"Idempotency-Key": "once"}).json() for _ in range(2)
    )
    assert first == second
    assert len(as_json(anna.get("/v1/webhooks"))["items"]) == 1


def test_secret_is_nowhere_in_the_database(service: Served, anna: httpx.Client) -> None:
    made = anna.post("/v1/webhooks", json={"url": URL}, headers={"Idempotency-Key": "once"}).json()
    secret = str(made["secret"]).removeprefix("whsec_")

    with service.service.database.engine.connect() as connection:
        for table in ("webhook", "event", "idempotent_answer", "delivery"):
            rows = connection.execute(text(f"SELECT * FROM {table}")).all()  # noqa: S608 - our tables
            assert secret not in str(rows)
            assert secret.encode() not in b" ".join(
                bytes(cell) for row in rows for cell in row if isinstance(cell, bytes | memoryview)
            )


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"url": "http://hooks.example.com/"}, "url_refused"),
        ({"url": "https://127.0.0.1/"}, "url_refused"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "url_refused"),
        ({"url": URL, "kinds": ["release"]}, "malformed"),
        ({"url": URL, "kinds": ["*"]}, "malformed"),
        ({"url": URL, "secret": "mine"}, "malformed"),
        ({}, "malformed"),
    ],
)
def test_webhook_that_cannot_be_is_refused(anna: httpx.Client, body: dict[str, object], code: str) -> None:
    problem_of(anna.post("/v1/webhooks", json=body), 422, code)
    assert as_json(anna.get("/v1/webhooks"))["items"] == []


def test_rotation_gives_another_secret(anna: httpx.Client) -> None:
    made = create(anna)

    rotated = as_json(anna.post(f"/v1/webhooks/{made['id']}/rotate"))

    assert rotated["secret"] != made["secret"]
    assert rotated["rotated_at"] is not None


def test_removed_webhook_is_gone(anna: httpx.Client) -> None:
    made = create(anna)

    assert anna.delete(f"/v1/webhooks/{made['id']}").status_code == 204

    for answer in (anna.delete(f"/v1/webhooks/{made['id']}"), anna.get(f"/v1/webhooks/{made['id']}")):
        problem_of(answer, 404, "webhook_not_found")
    kinds = [event["kind"] for event in as_json(anna.get("/v1/events"))["items"]]
    assert kinds == ["webhook.created", "webhook.deleted"]


def test_what_was_tried_out_given_up_and_sent_again_is_shown(service: Served, anna: httpx.Client) -> None:
    made = create(anna)
    database = service.service.database
    with receiving() as receiver:
        receiver.answer = respond(500)
        with database.engine.begin() as connection:
            connection.execute(text("UPDATE webhook SET url = :url"), {"url": receiver.url()})
        sender = WebhookSender(database, service.service.settings, rules=local_reach())
        notifier = Notifier(database, {Channel.WEBHOOK: sender}, poll_seconds=0.02)
        notifier.start()
        try:
            assert anna.post(f"/v1/webhooks/{made['id']}/test").status_code == 200
            path = f"/v1/webhooks/{made['id']}/deliveries"
            wait_until(lambda: as_json(anna.get(path))["items"][0]["tries"] == 1, what="it was tried")
            (delivery,) = as_json(anna.get(path))["items"]
            assert (delivery["status"], delivery["answer"]) == ("pending", 500)
            problem_of(anna.post(f"/v1/deliveries/{delivery['id']}/redeliver"), 409, "delivery_pending")
            assert as_json(anna.get("/v1/deliveries", params={"status": "dead"}))["items"] == []

            with database.engine.begin() as connection:
                connection.execute(text("UPDATE delivery SET status = 'dead'"))
            assert as_json(anna.get("/v1/deliveries", params={"status": "dead"}))["items"][0]["id"] == delivery["id"]
            receiver.answer = respond(200)
            assert as_json(anna.post(f"/v1/webhooks/{made['id']}/redeliver")) == {"count": 1}
            wait_until(lambda: as_json(anna.get(path))["items"][0]["status"] == "delivered", what="it has arrived")
        finally:
            notifier.stop()
            notifier.wait_until_stopped()

    Checker(str(made["secret"])).verify(receiver.received[-1].body, receiver.received[-1].headers)
    assert as_json(anna.post(f"/v1/deliveries/{delivery['id']}/redeliver"))["status"] == "pending"


def test_deliveries_come_in_pages(anna: httpx.Client) -> None:
    made = create(anna)
    for _ in range(3):
        anna.post(f"/v1/webhooks/{made['id']}/test")

    first = as_json(anna.get("/v1/deliveries", params={"limit": 2}))
    second = as_json(anna.get("/v1/deliveries", params={"limit": 2, "cursor": first["next"]}))

    assert [len(page["items"]) for page in (first, second)] == [2, 1]
    assert second["next"] is None
    problem_of(anna.get("/v1/deliveries?cursor=nonsense"), 422, "cursor_invalid")
    problem_of(anna.post("/v1/deliveries/999/redeliver"), 404, "delivery_not_found")
