"""Receiving request bodies, with limits on size, time and total memory."""

import asyncio
from collections.abc import AsyncIterator

from starlette.datastructures import Headers
from starlette.types import Receive, Scope

from app.bundles.limits import MAX_PACKED
from app.errors import TooLarge, TooSlow, Unavailable

BUNDLES = "/v1/bundles"
MAX_JSON = 1024**2  # bytes, of callers who are known
MAX_FORM = 256 * 1024  # bytes, of browsers and of Slack: who it is shows only when all is there
BODY_SECONDS = 20.0
BUNDLE_SECONDS = 120.0
SMALL = 32 * 1024  # bytes: what is no longer finds room however much others have begun to send
MOST_HELD = {True: 64 * 1024**2, False: 8 * 1024**2}  # bytes, of all callers who are known, and who are not


class Bodies:
    """The request bodies in one process's memory. Bundles are not among them: they are written to disk as they arrive."""

    def __init__(self) -> None:
        self.held = {True: 0, False: 0}

    async def read(self, scope: Scope, receive: Receive, *, is_known: bool) -> bytes:
        """The whole body. Raises TooLarge, TooSlow, or Unavailable when too many others are being read."""
        limit = MAX_JSON if is_known else MAX_FORM
        body = bytearray()
        try:
            async for part in receive_body(scope, receive, limit=limit, seconds=BODY_SECONDS):
                body += part
                self.held[is_known] += len(part)
                if len(body) > SMALL and self.held[is_known] > MOST_HELD[is_known]:
                    raise Unavailable("Too many requests are being received.", code="too_many_requests")
        finally:
            self.held[is_known] -= len(body)
        return bytes(body)


async def receive_body(scope: Scope, receive: Receive, *, limit: int, seconds: float) -> AsyncIterator[bytes]:
    """The body as it arrives; ends early when the caller disconnects. Raises TooLarge and TooSlow."""
    announced = Headers(scope=scope).get("content-length", "0")
    if announced.isdecimal() and (len(announced) > 18 or int(announced) > limit):
        raise _too_large(scope, limit)
    until, received = asyncio.get_running_loop().time() + seconds, 0
    while True:
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError as late:
            raise TooSlow(f"The request's body did not arrive within {seconds:g} s.", code="body_too_slow") from late
        if message["type"] != "http.request":
            return
        part = message.get("body", b"")
        received += len(part)
        if received > limit:
            raise _too_large(scope, limit)
        yield part
        if not message.get("more_body", False):
            return


def receive_bundle(scope: Scope, receive: Receive) -> AsyncIterator[bytes]:
    """As ``receive_body``."""
    return receive_body(scope, receive, limit=MAX_PACKED, seconds=BUNDLE_SECONDS)


def _too_large(scope: Scope, limit: int) -> TooLarge:
    if scope["path"] == BUNDLES:
        return TooLarge(
            f"The bundle is larger than {limit // 2**20} MiB.",
            code="bundle_too_large",
            hint="Leave data and model files out: they belong in Azure ML's storage.",
        )
    size = f"{limit // 2**20} MiB" if limit >= 2**20 else f"{limit // 2**10} KiB"
    return TooLarge(f"The request is larger than {size}.", code="request_too_large")
