"""Waking the requests that wait for a release to change.

A waiting request is a future in a list: it holds no thread and no database connection. While anybody waits, one task a process
reads what is new in the chain of events, a few times a second, and wakes those who wait for a release that has changed: while nothing
happens that costs the same for one who waits and for thousands. Of a release that somebody has begun to wait for since the last look, the
revision is read as well: it may have changed just before. Thousands may wait for the same change: they are answered a few at a time, so that
everybody else's requests find a thread between them.
"""

import asyncio
import itertools
from dataclasses import dataclass

import structlog

from app.api.poll_reader import PollReader
from app.errors import MlreleaseError

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.1
ANSWERED_AT_ONCE = 4
WOKEN_AT_ONCE = 100


@dataclass(frozen=True)
class _Waiter:
    release_id: str
    revision: int  # what it knows already
    woken: asyncio.Future[int | None]  # the new revision; None: the process stops


class Changes:
    """The requests that wait for a release to change."""

    def __init__(self, reader: PollReader) -> None:
        self._reader = reader
        self._waiters: dict[int, _Waiter] = {}
        self._new: set[str] = set()  # releases that somebody has begun to wait for since the last look
        self._position: int | None = None  # in the chain of events: up to there all was seen
        self._numbers = itertools.count()
        self._has_waiters = asyncio.Event()
        self._closing = False
        # Held by who was woken, while reading what to answer.
        self.answer_slots = asyncio.Semaphore(ANSWERED_AT_ONCE)

    def __len__(self) -> int:
        return len(self._waiters)

    @property
    def is_closing(self) -> bool:
        return self._closing

    async def wait(self, release_id: str, revision: int, *, seconds: float) -> int | None:
        """Wait until the release's revision is above ``revision``; the new revision, or None after ``seconds``."""
        if self._closing or seconds <= 0:
            return None
        number = next(self._numbers)
        woken: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        self._waiters[number] = _Waiter(release_id, revision, woken)
        self._new.add(release_id)
        self._has_waiters.set()
        try:
            return await asyncio.wait_for(woken, seconds)
        except TimeoutError:
            return None
        finally:
            del self._waiters[number]

    async def watch(self) -> None:
        """Run for as long as the process serves."""
        while True:
            await self._has_waiters.wait()
            self._has_waiters.clear()
            while self._waiters:
                await self._poll()
                await asyncio.sleep(POLL_SECONDS)
            self._position = None  # who comes next is new, and need not be told what happened until then

    def close(self) -> None:
        """Wake everybody: the process stops."""
        self._closing = True
        for waiter in self._waiters.values():
            if not waiter.woken.done():
                waiter.woken.set_result(None)

    async def _poll(self) -> None:
        new, self._new = self._new, set()
        try:
            # The chain first: what comes behind it while the revisions are read, the next look finds.
            position, revisions = await self._reader.read_behind(self._position)
            if new:
                revisions = {**revisions, **(await self._reader.read(new)).revisions}
        except MlreleaseError as error:
            # A database that is away for a moment is no reason to hang up on those who wait: the next look may see it.
            log.warning("changes_not_read", error=str(error))
            self._new |= new
            return
        self._position = position
        if not revisions:
            return
        changed = [each for each in self._waiters.values() if revisions.get(each.release_id, -1) > each.revision]
        for begin in range(0, len(changed), WOKEN_AT_ONCE):
            for waiter in changed[begin : begin + WOKEN_AT_ONCE]:
                if not waiter.woken.done():
                    waiter.woken.set_result(revisions[waiter.release_id])
            await asyncio.sleep(0)
