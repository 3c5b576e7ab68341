"""Sending one event to a webhook, as the Standard Webhooks specification says."""

import json
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook as Signer

from app.database.connection import Database
from app.errors import Conflict
from app.events.tables import Event
from app.notifications.keys import secrets_in_use, signing_keys
from app.notifications.outgoing import OutboundRules, post
from app.notifications.sending import Delivered, DeliveryAttempt, NotDelivered
from app.notifications.tables import Webhook
from app.settings import Settings


class WebhookSender:
    """Signs and posts an event. The body depends on the event alone, so a repeated delivery has the same bytes."""

    def __init__(self, database: Database, settings: Settings, *, rules: OutboundRules) -> None:
        self._database = database
        self._settings = settings
        self._rules = rules

    def __call__(self, attempt: DeliveryAttempt, *, now: datetime) -> Delivered:
        with self._database.read() as session:
            webhook, event = session.get(Webhook, attempt.address), session.get(Event, int(attempt.subject))
        if webhook is None or event is None:
            raise NotDelivered("The webhook was removed.", code="webhook_removed", for_good=True)
        try:
            secrets = secrets_in_use(signing_keys(self._settings), webhook, now=now)
        except Conflict as keyless:
            raise NotDelivered(str(keyless), code=keyless.code) from keyless
        body = body_of(event)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "mlrelease",
            **signed_headers(attempt.message_id, body, secrets=secrets, now=now),
        }
        answer = post(webhook.url, body.encode(), headers=headers, rules=self._rules)
        return Delivered(answer=answer, sentence=f"The answer was {answer}.")


def body_of(event: Event) -> str:
    """The body: the event as the API shows it, with its kind and time."""
    data = {
        "seq": event.seq,
        "model": event.model,
        "release": event.release_id,
        "subject": event.subject,
        "actor": event.actor,
        "via": event.via,
        "request_id": event.request_id,
        "data": event.data,
        "hash": event.hash,
    }
    document = {"type": event.kind, "timestamp": event.at.isoformat(), "data": data}
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def signed_headers(message_id: str, body: str, *, secrets: Sequence[str], now: datetime) -> dict[str, str]:
    """Signed with each of the ``secrets``: a receiver needs only one of them."""
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": " ".join(Signer(secret).sign(message_id, now, body) for secret in secrets),
    }
