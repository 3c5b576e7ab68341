"""What Slack sends when somebody presses a button: the signature is checked, each request counts once, and the usual rules decide.

Slack waits three seconds. Within them the decision is in the database, and what follows is a durable delivery: the message's
update, and the reply to the person who pressed. The form for a reason is opened after the response, by separate threads:
a Slack that does not respond delays nobody's requests.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import delete
from sqlmodel import Session, col
from starlette.background import BackgroundTask

from app.chat.blocks import REASON, REASON_FORM, escape, reason_form
from app.chat.presses import ButtonPress, read_form, read_payload, read_press, text_at
from app.chat.slack_messages import call_slack, slack_client
from app.chat.tables import ChatRequest
from app.database.connection import Database
from app.documents.json_object import Json
from app.errors import Conflict, Forbidden, Invalid, MlreleaseError, Unauthenticated, Unavailable
from app.identity.actor import Actor
from app.notifications.deliveries import request_delivery
from app.notifications.sending import NotDelivered
from app.notifications.tables import Channel
from app.planning.ids import rollout_id_of
from app.releasing.permissions import require_for_release
from app.releasing.work import Releasing
from app.settings import Settings

log = structlog.get_logger(__name__)


REMEMBER = timedelta(minutes=15)  # signatures: three times as long as one is believed
MODAL_SECONDS = 2  # Slack forgets after three what was pressed
MOST_FORMS = 4  # being opened at once


@dataclass(frozen=True)
class SlackContext:
    """What the route needs. ``actor_of``: the person behind a Slack user, or None."""

    settings: Settings
    releasing: Releasing
    actor_of: Callable[[str], Actor | None]
    forms: Executor = field(default_factory=lambda: ThreadPoolExecutor(MOST_FORMS, thread_name_prefix="slack-forms"))


def slack_routes(context: SlackContext) -> APIRouter:
    """The address to enter as *Interactivity: Request URL* in Slack."""
    router = APIRouter(tags=["chat"])

    @router.post("/chat/slack/interactions", include_in_schema=False)
    async def interactions(request: Request) -> Response:
        body = await request.body()
        headers = request.headers
        timestamp = headers.get("x-slack-request-timestamp", "")
        signature = headers.get("x-slack-signature", "")
        return await run_in_threadpool(_handle, context, body, timestamp, signature)

    return router


def _handle(context: SlackContext, body: bytes, timestamp: str, signature: str) -> Response:
    _require_signature(context, body, timestamp, signature)
    _require_first_use(context.releasing.database, signature, now=context.releasing.database.now())
    payload = read_payload(body)
    match payload.get("type"):
        case "block_actions":
            return _handle_press(context, payload)
        case "view_submission" if text_at(payload, "view", "callback_id") == REASON_FORM:
            return _handle_form(context, payload)
    return Response()  # Slack also tells of what needs no answer, such as a link that was followed


def _require_signature(context: SlackContext, body: bytes, timestamp: str, signature: str) -> None:
    """Raises Unauthenticated unless Slack signed this within the last five minutes."""
    verifier = SignatureVerifier(context.settings.slack_signing_secret.get_secret_value())
    is_plain = timestamp.isascii() and timestamp.isdecimal() and len(timestamp) < 16 and signature.isascii()
    try:
        is_slack = is_plain and verifier.is_valid(body=body, timestamp=timestamp, signature=signature)
    except UnicodeDecodeError:
        is_slack = False
    if not is_slack:
        raise Unauthenticated("The Slack signature is not valid, or it is too old.", code="signature_invalid")


def _require_first_use(database: Database, signature: str, *, now: datetime) -> None:
    """Raises Conflict for a repeated request. Recorded even if the request is refused: it must not succeed later."""

    def remember(session: Session) -> None:
        if session.get(ChatRequest, signature) is not None:
            raise Conflict("This request has already been received.", code="replayed")
        session.execute(delete(ChatRequest).where(col(ChatRequest.at) < now - REMEMBER))
        session.add(ChatRequest(signature=signature, at=now))
        session.flush()

    database.transact(remember)


def _handle_press(context: SlackContext, payload: Json) -> Response:
    press = read_press(payload)
    if press is None:
        return Response()
    try:
        if press.needs_reason:
            # Refuse before the person writes a reason.
            require_for_release(_actor(context, press), press.permission, press.release_id)
            return _open_reason_form(context, payload, press)
        _act(context, press, reason="")
    except Invalid as incomplete:
        return _open_reason_form(context, payload, press, why=incomplete.sentence)
    except Unavailable:
        raise
    except MlreleaseError as refusal:
        _reply(context, press, refusal, occasion=text_at(payload, "trigger_id"))
    return Response()


def _handle_form(context: SlackContext, payload: Json) -> Response:
    press = read_form(payload)
    if press is None:
        raise Invalid("The form is not valid.", code="malformed")
    reason = text_at(payload, "view", "state", "values", REASON, REASON, "value")
    try:
        _act(context, press, reason=reason)
    except Unavailable:
        raise
    except MlreleaseError as refusal:
        return JSONResponse({"response_action": "errors", "errors": {REASON: str(refusal)[:1000]}})
    return Response()


def _act(context: SlackContext, press: ButtonPress, *, reason: str) -> None:
    actor = _actor(context, press)
    context.releasing.transact(actor, lambda work: press.carry_out(work, reason=reason))
    log.info("decided_in_slack", release=press.release_id, stage=press.stage, act=press.act, actor=actor.name)


def _actor(context: SlackContext, press: ButtonPress) -> Actor:
    """The person who pressed. Raises Forbidden for an unknown user."""
    actor = context.actor_of(press.user)
    if actor is None:
        raise Forbidden(
            f"The Slack user {press.user} is not in access.yml.",
            code="chat_user_unknown",
            hint="Ask the people who maintain access.yml to add your Slack id.",
        )
    return actor


def _open_reason_form(context: SlackContext, payload: Json, press: ButtonPress, *, why: str = "") -> Response:
    """Respond, then open the form for a reason. If Slack does not open it, nothing was decided, and the person presses again."""
    form = reason_form(press.meta, title=f"{press.words} {press.stage}", answer=press.words, why=why)
    trigger, until = text_at(payload, "trigger_id"), time.monotonic() + MODAL_SECONDS

    def open_form() -> None:
        try:
            if time.monotonic() >= until:  # too many before it
                raise NotDelivered("Slack did not respond in time.", code="slack_unreachable")
            client = slack_client(context.settings, seconds=MODAL_SECONDS)
            call_slack(lambda: client.views_open(trigger_id=trigger, view=form))
        except NotDelivered as closed:
            log.warning("form_not_opened", error=closed.sentence)
            _reply(context, press, closed, occasion=trigger)

    async def open_beside_the_requests() -> None:
        await asyncio.get_running_loop().run_in_executor(context.forms, open_form)

    return Response(background=BackgroundTask(open_beside_the_requests))


def _reply(context: SlackContext, press: ButtonPress, refusal: MlreleaseError, *, occasion: str) -> None:
    """Request a reply to the person who pressed. The message itself needs no change."""

    def request_reply(session: Session) -> None:
        memory = {"user": press.user, "text": escape(f"No decision was recorded. {refusal}")}
        message_id = f"slack_reply:{press.user}:{occasion}"
        request_delivery(
            session,
            Channel.SLACK_REPLY,
            press.channel,
            message_id=message_id,
            subject=rollout_id_of(press.release_id, press.stage),
            seq=0,
            memory=memory,
        )

    context.releasing.database.transact(request_reply)
