"""Limits that every request must pass before a route sees it: host name, credentials, size, and the number of writers.

In this order: nothing of a body is read before its sender is known, where a header can say who that is, and nobody whose body is
still on its way takes a turn to write from others.
"""

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem_of
from app.api.receiving import BUNDLES, Bodies
from app.api.service import Service, actor_of_headers
from app.database.concurrency import ConcurrencyLimit
from app.errors import Invalid, MlreleaseError
from app.identity.request_state import note_actor

_READ_ONLY = frozenset({"GET", "HEAD", "OPTIONS"})


class RequestLimits:
    """Refuses a request with a wrong host, without credentials, too large, too slow, or with the NUL character, which PostgreSQL cannot store."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self._app = app
        self._service = service
        self._bodies = Bodies()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_address(scope)
            self._service.authentication.check_host(Headers(scope=scope).get("host", ""))
            # A bundle is received by its route, which takes its turn when all of it is there.
            if scope["method"] in _READ_ONLY or await self._is_bundle(scope):
                body = None
            else:
                body = await self._bodies.read(scope, receive, is_known=await self._is_known(scope))
                await self._service.writes.acquire()
        except MlreleaseError as error:
            await problem_of(error)(scope, receive, send)
            return
        if body is None:
            await self._app(scope, receive, send)
        else:
            await _holding_a_slot(self._app, scope, _again(body, receive), send, self._service.writes)

    async def _is_bundle(self, scope: Scope) -> bool:
        return scope["path"] == BUNDLES and await self._is_known(scope)

    async def _is_known(self, scope: Scope) -> bool:
        """Whether the headers name a valid caller, as they must for the API. Raises Unauthenticated."""
        if not scope["path"].startswith("/v1/"):
            return False
        request = Request(scope)
        request.state.actor = note_actor(request, await actor_of_headers(self._service, request))
        return True


async def _holding_a_slot(app: ASGIApp, scope: Scope, receive: Receive, send: Send, limit: ConcurrencyLimit) -> None:
    """Release the slot with the response: what a route does afterwards, such as calling a chat, must not delay other writers."""
    is_held = True

    async def release_at_the_end(message: Message) -> None:
        nonlocal is_held
        if is_held and message["type"] == "http.response.body" and not message.get("more_body", False):
            is_held = False
            limit.release()
        await send(message)

    try:
        await app(scope, receive, release_at_the_end)
    finally:
        if is_held:
            limit.release()


def _again(body: bytes, receive: Receive) -> Receive:
    """Receive a body that was read already."""
    given = [body]

    async def receive_again() -> Message:
        if given:
            return {"type": "http.request", "body": given.pop(), "more_body": False}
        return await receive()

    return receive_again


def _check_address(scope: Scope) -> None:
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise Invalid("The address contains a NUL character.", code="malformed")
