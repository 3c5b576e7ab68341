"""Turns: a process lets a few of its requests do the same costly thing at once.

So those who wait for a lock in order to write leave threads and connections to those who read.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app.errors import Unavailable

MOST_WRITES = 8  # the database lets one at a time append to the chain of events anyhow
WAIT_SECONDS = 5.0


class Turns:
    """``too_many``: what those are told whose turn does not come, with its code."""

    def __init__(self, most: int, too_many: str, *, code: str) -> None:
        self._free = asyncio.Semaphore(most)
        self._too_many = too_many
        self._code = code

    @property
    def are_taken(self) -> bool:
        return self._free.locked()

    async def take(self) -> None:
        """Raises Unavailable when all turns stay taken for some seconds. Each needs its ``give_back``."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await self._free.acquire()
        except TimeoutError as full:
            raise Unavailable(
                self._too_many,
                code=self._code,
                hint="Try again in a moment; if it stays, look for a process that holds a transaction open.",
            ) from full

    def give_back(self) -> None:
        self._free.release()

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        await self.take()
        try:
            yield
        finally:
            self.give_back()


def write_turns() -> Turns:
    """Of one process."""
    return Turns(MOST_WRITES, "Too many changes wait to be written.", code="too_many_writes")
