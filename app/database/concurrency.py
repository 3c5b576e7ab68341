"""A limit on how many requests of one process do the same costly thing at once.

So those who wait for a lock in order to write leave threads and connections to those who read.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import Unavailable

MOST_WRITES = 8  # the database lets one at a time append to the chain of events anyhow
WAIT_SECONDS = 5.0


class ConcurrencyLimit:
    """``too_many`` is the sentence, and ``code`` the code, of the refusal when no slot becomes free."""

    def __init__(self, most: int, too_many: str, *, code: str) -> None:
        self._free = asyncio.Semaphore(most)
        self._too_many = too_many
        self._code = code

    @property
    def is_full(self) -> bool:
        return self._free.locked()

    async def acquire(self) -> None:
        """Raises Unavailable when no slot becomes free within some seconds. Each ``acquire`` needs its ``release``."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError as full:
            raise Unavailable(
                self._too_many,
                code=self._code,
                hint="Try again in a moment. If it stays, look for a process that holds a transaction open.",
            ) from full

    def release(self) -> None:
        self._free.release()

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        await self.acquire()
        try:
            yield
        finally:
            self.release()


def write_limit() -> ConcurrencyLimit:
    """The limit on concurrent writes of one process."""
    return ConcurrencyLimit(MOST_WRITES, "Too many requests are waiting to write.", code="too_many_writes")
