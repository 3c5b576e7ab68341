"""Closing connections on which no request comes, so that they do not use up the limited number of connections.

A process can have a limited number of them. The server's own limit holds between requests only: not for one that never sends a
whole header, nor for a body that still comes when its request has been answered.
"""

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

REQUEST_SECONDS = 20.0  # for a request to come; a connection without one is closed after twice that at the latest


class Connection(H11Protocol):
    """An HTTP/1.1 connection with a time limit for requests."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn's own
        super().connection_made(transport)
        self._check_later(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._next_check.cancel()
        super().connection_lost(exc)

    def _check_later(self, answered: RequestResponseCycle | None) -> None:
        self._next_check = self.loop.call_later(REQUEST_SECONDS, self._check, answered)

    def _check(self, answered: RequestResponseCycle | None) -> None:
        """``answered`` is the request that had its answer at the last look already, if it was one."""
        now: RequestResponseCycle | None = self.cycle
        if now is None or (now is answered and now.response_complete):
            self.transport.close()
        else:
            self._check_later(now if now.response_complete else None)
