"""What every request must keep to before a route sees it: its size, and text that can be stored."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import problem_of
from app.bundles.limits import MAX_PACKED
from app.errors import Invalid, MlreleaseError, TooLarge

MAX_JSON = 1024**2  # bytes
BUNDLES = "/v1/bundles"


class RequestLimits:
    """Refuses what is too long before it is in memory, and the NUL character, which PostgreSQL cannot store."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_address(scope)
            body = await _read_body(scope, receive)
        except MlreleaseError as error:
            await problem_of(error)(scope, receive, send)
            return
        given = [body]

        async def receive_again() -> Message:
            if given:
                return {"type": "http.request", "body": given.pop(), "more_body": False}
            return await receive()

        await self._app(scope, receive_again, send)


async def _read_body(scope: Scope, receive: Receive) -> bytes:
    """The whole body, refused as soon as it is longer than the route's may be."""
    limit = MAX_PACKED if scope["path"] == BUNDLES else MAX_JSON
    announced = Headers(scope=scope).get("content-length", "0")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > limit):
        raise _too_large(scope, limit)
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] != "http.request":  # the caller has gone
            return bytes(body)
        body += message.get("body", b"")
        if len(body) > limit:
            raise _too_large(scope, limit)
        if not message.get("more_body", False):
            return bytes(body)


def _too_large(scope: Scope, limit: int) -> TooLarge:
    if scope["path"] == BUNDLES:
        return TooLarge(
            f"The bundle is larger than {limit // 2**20} MiB.",
            code="bundle_too_large",
            hint="Leave data and model files out: they belong into Azure ML's storage.",
        )
    return TooLarge(f"The request is larger than {limit // 2**20} MiB.", code="request_too_large")


def _check_address(scope: Scope) -> None:
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        raise Invalid("The address has a NUL character in it.", code="malformed")
