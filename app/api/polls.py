"""Polls of a release, answered before the framework: what CI asks most of all, from thousands at once.

A poll is a GET of ``/v1/releases/ID`` with a bearer token, and with nothing in its query but ``wait``. It reads how far the release is
and whether the token counts, each time and together with those of all others who ask (``poll_reader``); the body is rendered once for
each revision (``rendered``). Whatever is anything else than an answer of 200 or 304 is left to the route in ``releases``, which says
why: so there is one place for each error, and what this module does not recognise is only slower.
"""

import re
from dataclasses import dataclass
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.etags import etag_of, known_of
from app.api.service import Service
from app.errors import MlreleaseError
from app.identity.actor import Actor
from app.identity.authentication import Credentials, api_token_hash
from app.identity.roles import Permission
from app.planning.ids import model_of

MAX_WAIT_SECONDS = 120.0

ROUTE = "/v1/releases/{release_id}"
_PATH = re.compile(r"/v1/releases/([A-Za-z0-9_-]{1,200})")
_QUERY = re.compile(rb"(?:wait=(\d{1,3}(?:\.\d{1,3})?))?")


@dataclass(frozen=True)
class Poll:
    """One request. ``known``: the ETags that its sender has; ``seconds``: that it waits for a change; ``state``: for its line in the log."""

    release_id: str
    host: str
    credentials: Credentials
    known: frozenset[str]
    seconds: float
    state: dict[str, Any]


class Polls:
    """Answers polls, and hands on every other request."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        poll = _poll_of(scope) if scope["type"] == "http" else None
        if poll is None or not await self._is_answered(poll, send):
            await self._app(scope, receive, send)

    async def _is_answered(self, poll: Poll, send: Send) -> bool:
        """Whether it was: False where the answer is an error, or takes more to find out."""
        try:
            revision = await self._revision(poll)
            if revision is None:
                return False
            if etag_of(revision) not in poll.known:
                await self._send(poll, revision, send)
                return True
            changed = await self._service.changes.wait(poll.release_id, revision, seconds=poll.seconds)
            if changed is None:
                await _send(send, 304, revision)
                return True
            # Two minutes are long: whoever may no longer see it, is not told.
            revision = await self._revision(poll, has_waited=True)
            if revision is None:
                return False
            await self._send(poll, revision, send)
        except MlreleaseError:
            return False
        return True

    async def _revision(self, poll: Poll, *, has_waited: bool = False) -> int | None:
        """That the release is at; None where there is none, or its caller may not see it, or is not known at once."""
        authentication = self._service.authentication
        authentication.check_host(poll.host)
        token_hash = api_token_hash(poll.credentials.authorization)
        who: Actor | None = None
        if token_hash is None:
            who = await authentication.authenticate(poll.credentials, request_id="")
        seen = await self._service.poll_reader.read([poll.release_id], token_hash, has_waited=has_waited)
        if seen.token is not None:
            who = authentication.recall(seen.token.row, digest=seen.token.digest, at=seen.at)
            if who is None and has_waited:
                # What is believed of a token is seconds old at most: those who were woken ask the chain a few at a time.
                async with self._service.changes.answer_slots:
                    # Who asked before may have had the same token.
                    who = authentication.recall(seen.token.row, digest=seen.token.digest, at=seen.at)
                    who = who or await authentication.authenticate(poll.credentials, request_id="")
        poll.state["logged_as"] = who.name if who else None
        may_see = who is not None and who.may(Permission.VIEW, model_of(poll.release_id))
        return seen.revisions.get(poll.release_id) if may_see else None

    async def _send(self, poll: Poll, revision: int, send: Send) -> None:
        rendered = await self._service.answers.at(poll.release_id, revision)
        await _send(send, 200, rendered.revision, rendered.body)


def _poll_of(scope: Scope) -> Poll | None:
    """None for every other request, and for one whose headers are unusual."""
    if scope["method"] != "GET":
        return None
    path, query = _PATH.fullmatch(scope["path"]), _QUERY.fullmatch(scope["query_string"])
    if path is None or query is None:
        return None
    sent: dict[bytes, str] = {}
    for name, value in scope["headers"]:
        if name in sent:
            return None  # which of the two counts, the route decides
        sent[name] = value.decode("latin-1")
    seconds = float(query[1] or 0)
    if b"authorization" not in sent or seconds > MAX_WAIT_SECONDS:
        return None
    credentials = Credentials(
        authorization=sent[b"authorization"],
        claimed_name=sent.get(b"mlrelease-actor"),
        claimed_groups=sent.get(b"mlrelease-groups", ""),
    )
    known = known_of(sent.get(b"if-none-match"))
    state = scope["state"]
    state["route"] = ROUTE
    return Poll(path[1], sent.get(b"host", ""), credentials, known, seconds, state)


async def _send(send: Send, status: int, revision: int, body: bytes = b"") -> None:
    headers = [(b"etag", etag_of(revision).encode())]
    if status == 200:
        headers = [
            (b"content-length", str(len(body)).encode()),
            (b"content-type", b"application/json"),
            *headers,
        ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
