"""Teams: an Adaptive Card through a workflow webhook, whose buttons are links to the portal.

A workflow webhook accepts cards and returns nothing: a card cannot be updated, and a button cannot say who pressed it. So one card
requests approval and a later card reports the end, and the buttons lead to the portal, where people log in.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from pydantic import SecretStr
from sqlmodel import Session

from app.approvals.links import Answer, make_link
from app.chat.summary import RolloutSummary, read_summary
from app.database.connection import Database
from app.documents.json_object import Json
from app.errors import Conflict
from app.events.tables import Event
from app.notifications.deliveries import request_delivery
from app.notifications.dispatch import Announcer
from app.notifications.keys import signing_keys
from app.notifications.outgoing import OutboundRules, post
from app.notifications.sending import Delivered, DeliveryAttempt, NotDelivered
from app.notifications.tables import Channel
from app.releases.tables import Rollout
from app.settings import Settings

_ANNOUNCED = {
    "rollout.pending_approval",
    "rollout.approval_rejected",
    "rollout.succeeded",
    "rollout.failed",
    "rollout.expired",
}


def announce_in_teams(urls: Mapping[str, SecretStr]) -> Announcer:
    """The announcer of one installation. A webhook's address is a secret, so a delivery contains only its key in the settings."""

    def announce(session: Session, event: Event) -> None:
        key = next((key for key in (event.model, "*") if key in urls), None)
        if key is None or event.kind not in _ANNOUNCED or not session.get_one(Rollout, event.subject).needs_approval:
            return
        request_delivery(
            session,
            Channel.TEAMS,
            key,
            message_id=f"teams:{key}:{event.seq}",
            subject=event.subject,
            release_id=event.release_id,
            seq=event.seq,
        )

    return announce


class TeamsCards:
    """Posts a card about a rollout."""

    def __init__(self, database: Database, settings: Settings, *, rules: OutboundRules) -> None:
        self._database = database
        self._settings = settings
        self._rules = rules

    def __call__(self, attempt: DeliveryAttempt, *, now: datetime) -> Delivered:
        url = self._settings.teams_urls.get(attempt.address)
        with self._database.read() as session:
            summary = read_summary(session, attempt.subject)
        if url is None or summary is None:
            raise NotDelivered(f"No Teams webhook is set for {attempt.address}.", code="channel_not_set_up")
        body = json.dumps(message_of(card_of(summary, links=self._links(summary, now=now)))).encode()
        answer = post(url.get_secret_value(), body, headers={"Content-Type": "application/json"}, rules=self._rules)
        return Delivered(answer=answer, sentence=f"The answer was {answer}.")

    def _links(self, summary: RolloutSummary, *, now: datetime) -> dict[str, str]:
        """Links for the buttons; none without a portal address."""
        if not summary.waits or not self._settings.public_url:
            return {}
        try:
            keys = signing_keys(self._settings)
        except Conflict as keyless:
            raise NotDelivered(str(keyless), code=keyless.code) from keyless
        answers: tuple[tuple[str, Answer], ...] = (("Approve", "approve"), ("Reject", "reject"))
        return {
            title: make_link(
                keys,
                portal=self._settings.public_url,
                release_id=summary.release_id,
                stage=summary.stage,
                plan_digest=summary.plan_digest,
                answer=answer,
                now=now,
            )
            for title, answer in answers
        }


def card_of(summary: RolloutSummary, *, links: Mapping[str, str]) -> Json:
    """An Adaptive Card 1.4."""
    body: list[Json] = [
        _text(summary.title, size="Large", weight="Bolder"),
        _text(summary.sentence),
        {"type": "FactSet", "facts": [{"title": name, "value": _plain(value)} for name, value in summary.facts]},
    ]
    for name, lines in (
        ("Traffic", summary.traffic),
        ("Changes", summary.difference),
        ("Steps", summary.steps),
        ("Decisions", summary.votes),
    ):
        if lines:
            body.append(_text(name, weight="Bolder"))
            body += [_text(line, spacing="None") for line in lines]
    actions = [{"type": "Action.OpenUrl", "title": title, "url": url} for title, url in links.items()]
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": actions,
    }


def message_of(card: Json) -> Json:
    """The envelope that *When a Teams webhook request is received* expects."""
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [attachment]}


def _text(text: str, **style: str) -> Json:
    return {"type": "TextBlock", "text": _plain(text), "wrap": True, **style}


def _plain(text: str) -> str:
    """Cards draw a little Markdown: what people wrote must not become a link or a heading."""
    return "".join(f"\\{sign}" if sign in "\\[]()*_#`~<>!" else sign for sign in text)
