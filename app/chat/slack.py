"""What Slack sends when somebody presses a button: the signature is checked, each request counts once, and the usual rules decide.

Slack waits three seconds. Within them the decision is in the database, and what follows is a durable delivery: the message's
update, and the reply to the person who pressed. The form for a reason is opened after the response, by separate threads:
a Slack that does not respond delays nobody's requests.
"""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import structlog
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from slack_sdk.signature import SignatureVerifier
from sqlalchemy import delete
from sqlmodel import Session, col
from starlette.background import BackgroundTask

from app.chat.blocks import APPROVE, REASON, REASON_FORM, REJECT, escape, reason_form
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
from app.releases.tables import Rollout
from app.releasing import decisions
from app.releasing.permissions import require_for_release
from app.releasing.work import Releasing, Work
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


@dataclass(frozen=True)
class ButtonPress:
    """A press of a button, with the plan that the message showed."""

    user: str
    channel: str
    approve: bool
    release_id: str
    stage: str
    plan_digest: str


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
    payload = _payload_of(body)
    match payload.get("type"):
        case "block_actions":
            return _handle_press(context, payload)
        case "view_submission" if _text(payload, "view", "callback_id") == REASON_FORM:
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
    press = _read_press(payload)
    if press is None:
        return Response()
    try:
        if press.approve:
            _decide(context, press, reason="")
        else:
            # Refuse before the person writes a reason.
            require_for_release(_actor(context, press), decisions.reject.permission, press.release_id)
            return _open_reason_form(context, payload, press)
    except Invalid as incomplete:
        return _open_reason_form(context, payload, press, why=incomplete.sentence)
    except Unavailable:
        raise
    except MlreleaseError as refusal:
        _reply(context, press, refusal, occasion=_text(payload, "trigger_id"))
    return Response()


def _handle_form(context: SlackContext, payload: Json) -> Response:
    meta = _read(_text(payload, "view", "private_metadata"))
    press = _button_press(
        meta, user=_text(payload, "user", "id"), channel=_text(meta, "channel"), approve=bool(meta.get("approve"))
    )
    if press is None:
        raise Invalid("The form is not valid.", code="malformed")
    reason = _text(payload, "view", "state", "values", REASON, REASON, "value")
    try:
        _decide(context, press, reason=reason)
    except Unavailable:
        raise
    except MlreleaseError as refusal:
        return JSONResponse({"response_action": "errors", "errors": {REASON: str(refusal)[:1000]}})
    return Response()


def _decide(context: SlackContext, press: ButtonPress, *, reason: str) -> None:
    actor = _actor(context, press)

    def decide(work: Work) -> Rollout:
        subject = (press.release_id, press.stage)
        if press.approve:
            return decisions.approve(work, *subject, reason=reason, plan_digest=press.plan_digest)
        return decisions.reject(work, *subject, reason=reason, plan_digest=press.plan_digest)

    context.releasing.transact(actor, decide)
    log.info("decided_in_slack", release=press.release_id, stage=press.stage, actor=actor.name)


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
    answer = "Approve" if press.approve else "Reject"
    meta = {
        "release": press.release_id,
        "stage": press.stage,
        "plan": press.plan_digest,
        "channel": press.channel,
        "approve": press.approve,
    }
    form = reason_form(meta, title=f"{answer} {press.stage}", answer=answer, why=why)
    trigger, until = _text(payload, "trigger_id"), time.monotonic() + MODAL_SECONDS

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


def _payload_of(body: bytes) -> Json:
    """The JSON that Slack sends in one form field. Raises Invalid."""
    try:
        fields = parse_qs(body.decode(), max_num_fields=20)
    except ValueError as broken:
        raise Invalid("The request is not a request of Slack.", code="malformed") from broken
    payload = _read(fields.get("payload", [""])[0])
    if not payload:
        raise Invalid("The request is not a request of Slack.", code="malformed")
    return payload


def _read_press(payload: Json) -> ButtonPress | None:
    """The press, if it is of a button that decides."""
    actions = payload.get("actions")
    action = actions[0] if isinstance(actions, list) and actions and isinstance(actions[0], dict) else {}
    if action.get("action_id") not in {APPROVE, REJECT}:
        return None
    channel = _text(payload, "container", "channel_id") or _text(payload, "channel", "id")
    approve = action["action_id"] == APPROVE
    return _button_press(
        _read(_text(action, "value")), user=_text(payload, "user", "id"), channel=channel, approve=approve
    )


def _button_press(meta: Json, *, user: str, channel: str, approve: bool) -> ButtonPress | None:
    release, stage, plan = (_text(meta, name) for name in ("release", "stage", "plan"))
    if not (release and stage and plan and user):
        return None
    return ButtonPress(user=user, channel=channel, approve=approve, release_id=release, stage=stage, plan_digest=plan)


def _read(text: str) -> Json:
    """The JSON object, or an empty one for anything else."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _text(document: Any, *path: str) -> str:
    """The text at a path of a document, or "" if there is none."""
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document if isinstance(document, str) and "\0" not in document else ""
