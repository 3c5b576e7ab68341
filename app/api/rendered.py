"""The answers to polls, as they are sent: each revision of a release is rendered once in a process, for all who ask for it."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool

MOST_KEPT = 64 * 1024**2  # bytes
RENDERED_AT_ONCE = 2


@dataclass(frozen=True)
class Rendered:
    """A release as JSON, and the revision that it shows."""

    revision: int
    body: bytes


class Answers:
    """The newest answer about each release that is polled. ``render`` reads the database: it is called in a thread.

    An answer is kept under the revision that it shows, and given to who has just read that number: so none is ever older than what
    its reader may have seen.
    """

    def __init__(self, render: Callable[[str], Rendered], *, most: int = MOST_KEPT) -> None:
        self._render = render
        self._most = most
        self._kept: OrderedDict[str, Rendered] = OrderedDict()  # that was asked for last, last
        self._bytes = 0
        self._under_way: dict[tuple[str, int], asyncio.Task[Rendered]] = {}
        self._slots = asyncio.Semaphore(RENDERED_AT_ONCE)

    async def at(self, release_id: str, revision: int) -> Rendered:
        """The release at this revision, which was just read, or at a newer one. Raises NotFound and Unavailable."""
        kept = self._kept.get(release_id)
        if kept is not None and kept.revision == revision:
            self._kept.move_to_end(release_id)
            return kept
        key = release_id, revision
        if key not in self._under_way:
            task = self._under_way[key] = asyncio.create_task(self._read(release_id))
            task.add_done_callback(lambda done: self._end(key, done))
        # One who hangs up does not take it from the others.
        return await asyncio.shield(self._under_way[key])

    async def _read(self, release_id: str) -> Rendered:
        async with self._slots:
            rendered = await run_in_threadpool(self._render, release_id)
        self._keep(release_id, rendered)
        return rendered

    def _end(self, key: tuple[str, int], done: asyncio.Task[Rendered]) -> None:
        del self._under_way[key]
        if not done.cancelled():
            done.exception()  # who asked for it has it, unless all of them hung up

    def _keep(self, release_id: str, rendered: Rendered) -> None:
        before = self._kept.pop(release_id, None)
        self._bytes += len(rendered.body) - (len(before.body) if before else 0)
        self._kept[release_id] = rendered
        while self._bytes > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest.body)
