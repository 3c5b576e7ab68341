"""Slack messages about rollouts, updated until nothing more happens; and replies to people who press their buttons."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError
from sqlmodel import Session

from app.chat.blocks import message_of
from app.chat.occasions import occasion_of
from app.chat.summary import read_summary
from app.database.connection import Database
from app.events.tables import Event
from app.notifications.deliveries import request_delivery, request_updates
from app.notifications.dispatch import Announcer
from app.notifications.sending import Delivered, DeliveryAttempt, NotDelivered
from app.notifications.tables import Channel
from app.settings import Settings

SECONDS = 10

# A retry cannot help: people must correct the settings or the channel first.
_FOR_GOOD = {"channel_not_found", "is_archived", "msg_too_long", "invalid_blocks", "user_not_in_channel"}


def announce_in_slack(channels: Mapping[str, str]) -> Announcer:
    """The announcer of one installation. ``channels``: a channel for each model."""

    def announce(session: Session, event: Event) -> None:
        if event.release_id is None or event.model is None:
            return
        request_updates(session, Channel.SLACK, event.release_id, seq=event.seq)
        address = channels.get(event.model) or channels.get("*")
        occasion = None if address is None else occasion_of(session, event)
        if address is not None and occasion is not None:
            request_delivery(
                session,
                Channel.SLACK,
                address,
                message_id=f"slack:{address}:{occasion.key}",
                subject=event.subject,
                release_id=event.release_id,
                seq=event.seq,
                memory=occasion.memory,
            )

    return announce


def slack_client(settings: Settings, *, seconds: int = SECONDS) -> WebClient:
    """A client without retries: deliveries are retried, and survive this process."""
    return WebClient(
        token=settings.slack_token.get_secret_value(),
        base_url=settings.slack_url,
        timeout=seconds,
        retry_handlers=[],
    )


class SlackMessages:
    """Posts a message, or updates it. A question that was closed before it could be posted is posted no more."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._portal = settings.public_url
        self._slack = slack_client(settings)

    def __call__(self, attempt: DeliveryAttempt, *, now: datetime) -> Delivered:  # noqa: ARG002 - what is so now is in the database
        with self._database.read() as session:
            summary = read_summary(session, attempt.subject, event=attempt.memory.get("event"))
        if summary is None:
            raise NotDelivered(f"There is no rollout {attempt.subject}.", for_good=True)
        message = message_of(summary, portal=self._portal)
        shown = hashlib.sha256(json.dumps(message, sort_keys=True).encode()).hexdigest()
        if attempt.memory.get("shown") == shown:
            return Delivered(sentence="Nothing to change.")
        posted = attempt.memory.get("ts")
        if posted is None and summary.is_closed:
            return Delivered(sentence="It was answered before it could be posted.")
        if posted is None:
            posted = call_slack(
                lambda: self._slack.chat_postMessage(channel=attempt.address, **message, unfurl_links=False)
            )["ts"]
        else:
            call_slack(lambda: self._slack.chat_update(channel=attempt.address, ts=posted, **message))
        return Delivered(answer=200, memory={**attempt.memory, "ts": posted, "shown": shown})


class SlackReplies:
    """Replies to the person who pressed a button; nobody else sees it."""

    def __init__(self, settings: Settings) -> None:
        self._slack = slack_client(settings)

    def __call__(self, attempt: DeliveryAttempt, *, now: datetime) -> Delivered:  # noqa: ARG002 - there is no moment in it
        call_slack(
            lambda: self._slack.chat_postEphemeral(
                channel=attempt.address, user=attempt.memory["user"], text=attempt.memory["text"]
            )
        )
        return Delivered(answer=200)


def call_slack(call: Any) -> Any:
    """The response of one call of Slack. Raises NotDelivered."""
    try:
        return call()
    except SlackApiError as refused:
        error = str(refused.response.get("error", "")) if hasattr(refused.response, "get") else ""
        status = getattr(refused.response, "status_code", None)
        raise NotDelivered(
            f"Slack refused: {error or status}.",
            code="slack_refused",
            answer=status,
            wait=_retry_after(refused),
            for_good=error in _FOR_GOOD,
        ) from refused
    except (SlackClientError, URLError, OSError, ValueError) as broken:
        raise NotDelivered(f"Slack does not respond: {type(broken).__name__}.", code="slack_unreachable") from broken


def _retry_after(refused: SlackApiError) -> timedelta | None:
    headers = getattr(refused.response, "headers", None) or {}
    given = next((value for name, value in headers.items() if name.lower() == "retry-after"), "")
    return timedelta(seconds=int(given)) if str(given).isdecimal() else None
