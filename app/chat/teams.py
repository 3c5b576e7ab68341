"""Teams: an Adaptive Card through a workflow webhook, whose buttons are links to the portal.

A workflow webhook accepts cards and returns nothing: a card cannot be updated, and a button cannot say who pressed it. So a later card
says what became of what an earlier one asked, and the buttons lead to the portal, where people log in.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from pydantic import SecretStr
from sqlmodel import Session

from app.approvals.links import Answer, make_link
from app.chat.occasions import occasion_of
from app.chat.summary import RolloutSummary, read_summary
from app.database.connection import Database
from app.documents.json_object import Json
from app.errors import Conflict
from app.events.tables import Event
from app.notifications.deliveries import request_delivery
from app.notifications.dispatch import Announcer
from app.notifications.keys import signing_keys
from app.notifications.outgoing import OutboundRules, post
from app.notifications.queries import newest_about
from app.notifications.sending import Delivered, DeliveryAttempt, NotDelivered
from app.notifications.tables import Channel
from app.releases.questions import is_question, what_ended
from app.releases.states import FINAL
from app.releases.tables import Rollout
from app.settings import Settings

_MOST_BYTES = 28 * 1024  # of a message: learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors
_LINES = (40, 20, 10, 5, 1)  # of each list: as many as fit
_SENTENCE, _TEXT = 1000, 300  # characters

# Told where an earlier card is about the rollout. What failed is told in any case.
_ENDS = {f"rollout.{status}" for status in FINAL}


def announce_in_teams(urls: Mapping[str, SecretStr]) -> Announcer:
    """The announcer of one installation. A webhook's address is a secret, so a delivery contains only its key in the settings."""

    def announce(session: Session, event: Event) -> None:
        key = next((key for key in (event.model, "*") if key in urls), None)
        memory = None if key is None else _told_of(session, event)
        if key is None or memory is None:
            return
        request_delivery(
            session,
            Channel.TEAMS,
            key,
            message_id=f"teams:{key}:{event.seq}",
            subject=event.subject,
            release_id=event.release_id,
            seq=event.seq,
            memory=memory,
        )

    return announce


def _told_of(session: Session, event: Event) -> Json | None:
    """What the sender of a card about this event must know; None: there is to be no card."""
    occasion = occasion_of(session, event)
    if occasion is not None:
        return occasion.memory
    rollout = session.get(Rollout, event.subject)
    if rollout is None or event.release_id is None:
        return None
    earlier = newest_about(session, Channel.TEAMS, event.release_id, rollout.id)
    if event.kind in _ENDS:
        return {} if rollout.needs_approval or earlier is not None else None
    number = None if earlier is None else earlier.memory.get("event")
    asked = None if number is None else session.get(Event, number)
    if asked is None or not is_question(asked) or earlier is None or "closes" in earlier.memory:
        return None
    return {"event": asked.seq, "closes": True} if what_ended(session, asked) is not None else None


class TeamsCards:
    """Posts a card about a rollout. A question that was closed before it could be posted is posted no more."""

    def __init__(self, database: Database, settings: Settings, *, rules: OutboundRules) -> None:
        self._database = database
        self._settings = settings
        self._rules = rules

    def __call__(self, attempt: DeliveryAttempt, *, now: datetime) -> Delivered:
        url = self._settings.teams_urls.get(attempt.address)
        with self._database.read() as session:
            summary = read_summary(session, attempt.subject, event=attempt.memory.get("event"))
        if url is None or summary is None:
            raise NotDelivered(f"No Teams webhook is set for {attempt.address}.", code="channel_not_set_up")
        if summary.is_closed and "closes" not in attempt.memory:
            return Delivered(sentence="It was answered before it could be posted.")
        body = message_of(summary, links=self._links(summary, now=now))
        answer = post(url.get_secret_value(), body, headers={"Content-Type": "application/json"}, rules=self._rules)
        return Delivered(answer=answer, sentence=f"The answer was {answer}.")

    def _links(self, summary: RolloutSummary, *, now: datetime) -> dict[str, str]:
        """Links for the buttons; none without a portal address."""
        portal = self._settings.public_url
        if not portal:
            return {}
        page = f"{portal.rstrip('/')}{summary.page}"
        if not summary.waits:
            return {"Open in the portal" if summary.question is None else "Answer in the portal": page}
        try:
            keys = signing_keys(self._settings)
        except Conflict as keyless:
            raise NotDelivered(str(keyless), code=keyless.code) from keyless
        answers: tuple[tuple[str, Answer], ...] = (("Approve", "approve"), ("Reject", "reject"))
        links = {
            title: make_link(
                keys,
                portal=portal,
                release_id=summary.release_id,
                stage=summary.stage,
                plan_digest=summary.plan_digest,
                answer=answer,
                now=now,
            )
            for title, answer in answers
        }
        return {**links, "Open in the portal": page}


def message_of(summary: RolloutSummary, *, links: Mapping[str, str]) -> bytes:
    """What *When a Teams webhook request is received* expects. Long lists are cut until Teams takes it."""
    for lines in _LINES:
        card = card_of(summary, links=links, lines=lines)
        attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
        body = json.dumps({"type": "message", "attachments": [attachment]}, ensure_ascii=False).encode()
        if len(body) <= _MOST_BYTES:
            break
    return body


def card_of(summary: RolloutSummary, *, links: Mapping[str, str], lines: int) -> Json:
    """An Adaptive Card 1.4. ``lines``: at most, of each list."""
    body: list[Json] = [
        _text(summary.title, size="Large", weight="Bolder"),
        _text(summary.sentence, most=_SENTENCE),
        {"type": "FactSet", "facts": [{"title": name, "value": _plain(value)} for name, value in summary.facts]},
    ]
    for name, listed in summary.lists:
        body.append(_text(name, weight="Bolder"))
        body += [_text(line, spacing="None") for line in listed[:lines]]
        if len(listed) > lines:
            body.append(_text(f"and {len(listed) - lines} more", spacing="None", isSubtle=True))
    return {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": body,
        "actions": [{"type": "Action.OpenUrl", "title": title, "url": url} for title, url in links.items()],
    }


def _text(text: str, *, most: int = _TEXT, **style: str | bool) -> Json:
    return {"type": "TextBlock", "text": _plain(text, most=most), "wrap": True, **style}


def _plain(text: str, *, most: int = _TEXT) -> str:
    """Cards draw a little Markdown: what people wrote must not become a link or a heading."""
    short = text if len(text) <= most else text[: most - 1] + "…"
    return "".join(f"\\{sign}" if sign in "\\[]()*_#`~<>!" else sign for sign in short)
