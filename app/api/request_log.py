"""One line in the log for each request, and the id by which its caller, its events and its log lines are found together.

Not for health checks, nor for polls that found nothing new: a pipeline asks every few seconds, and each time nothing has happened.
"""

import re
import time
import uuid

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger("mlrelease.requests")

_SENT = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")
_HEADER = b"x-request-id"


class RequestLog:
    """Around everything else."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        state = scope.setdefault("state", {})
        request_id = state["request_id"] = _id_of(scope)

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (_HEADER, request_id.encode())]
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            try:
                await self._app(scope, receive, note_status)
            finally:
                if status != 304 and not scope["path"].startswith("/health/"):
                    log.info(
                        "request",
                        method=scope["method"],
                        route=state.get("route") or getattr(scope.get("route"), "path", None),  # none: there is none
                        path=scope["path"],
                        status=status or None,  # none: the caller went before there was an answer
                        milliseconds=round(1000 * (time.perf_counter() - began), 1),
                        actor=state.get("logged_as"),
                    )


def _id_of(scope: Scope) -> str:
    sent = next((value.decode("latin-1") for name, value in scope["headers"] if name == _HEADER), "")
    return sent if _SENT.fullmatch(sent) else uuid.uuid4().hex
