"""Closing connections on which nothing goes on, so that they do not use up the limited number of connections.

A process can have a limited number of them. The server's own limit holds between requests only: not for one that never sends a
whole header, nor for a body that still comes when its request has been answered, nor for a caller who does not read the answer.
"""

import asyncio
from importlib.util import find_spec
from typing import Protocol, cast

REQUEST_SECONDS = (
    20.0  # for a request to come or an answer to be read; what takes longer is closed after twice that at the latest
)


class Cycle(Protocol):
    """A request and its answer, as uvicorn has them."""

    response_complete: bool


class TimeLimit(asyncio.Protocol):
    """Beside one of uvicorn's protocols: a time limit for requests, and for their answers to be read."""

    loop: asyncio.AbstractEventLoop
    transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._check_later(None, 0)

    def connection_lost(self, exc: Exception | None) -> None:
        self._next_check.cancel()
        super().connection_lost(exc)

    def _check_later(self, answered: Cycle | None, unread: int) -> None:
        self._next_check = self.loop.call_later(REQUEST_SECONDS, self._check, answered, unread)

    def _check(self, answered: Cycle | None, unread: int) -> None:
        """``answered``: the request that had its answer at the last look already, if it was one. ``unread``: bytes of it, then."""
        now = cast("Cycle | None", getattr(self, "cycle", None))
        still_unread = self.transport.get_write_buffer_size()
        if still_unread and still_unread == unread:
            self.transport.abort()  # to close it would wait for the caller to read
        elif not still_unread and (now is None or (now is answered and now.response_complete)):
            self.transport.close()
        else:
            self._check_later(now if now is not None and now.response_complete else None, still_unread)


def connection_class() -> type[asyncio.Protocol]:
    """HTTP/1.1 by httptools, which is faster, where it is installed; else by h11."""
    if find_spec("httptools") is not None:
        from app.api.httptools_connection import HttptoolsConnection

        return HttptoolsConnection
    from app.api.h11_connection import H11Connection

    return H11Connection
