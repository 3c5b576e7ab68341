"""Batched writes before the event chain's head: the first thread writes for all that wait, in one transaction.

Every write of a worker ends in an event, and the chain of events has one end. Threads that fought for it in the database would hold
connections and wake each other for the interpreter. So they stand in a line of their own, and what has gathered in it while one
transaction was committed goes into the next one together: one lease check, one lock of the head and one commit for all of it.
"""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sqlmodel import Session

from app.errors import Conflict, Unavailable
from app.identity.actor import SERVICE, Actor
from app.releasing.work import Releasing, Work

Result = TypeVar("Result")

MOST = 16  # in one transaction: whoever wants one of their releases waits for all of them, over SQLite everybody


@dataclass
class _Waiting:
    act: Callable[[Work], Any]
    actor: Actor
    is_over: bool = False
    result: Any = None
    error: BaseException | None = None


class BatchWriter:
    """Of one process. ``fence`` is called first in each transaction, and raises where nothing may be written any more."""

    def __init__(self, releasing: Releasing, *, fence: Callable[[Session], None]) -> None:
        self._releasing = releasing
        self._fence = fence
        self._waiting: deque[_Waiting] = deque()
        self._head = threading.Lock()

    def write(self, act: Callable[[Work], Result], *, traceparent: str | None = None) -> Result:
        """Run ``act`` in a transaction that is committed when this returns. It may be run more than once, the last time for good.
        ``traceparent``: of the trace that what it queues goes on in.

        Raises what ``act`` or the fence raise, and Unavailable; then nothing of ``act`` is written.
        """
        mine = _Waiting(act, replace(SERVICE, traceparent=traceparent))
        self._waiting.append(mine)
        with self._head:
            while not mine.is_over:
                self._write([self._waiting.popleft() for _ in range(min(MOST, len(self._waiting)))])
        if mine.error is not None:
            raise mine.error
        result: Result = mine.result
        return result

    def _write(self, together: list[_Waiting]) -> None:
        try:
            results = self._releasing.transact(SERVICE, lambda work: self._run(work, together))
        except BaseException as broken:  # noqa: BLE001 - handed to whoever waits for it, by ``write``; the others must not wait for it
            if len(together) == 1 or _concerns_all(broken):
                _end(together, broken)
                return
            for each in together:  # one of them broke, and with it the transaction of all
                self._write([each])
            return
        for each, result in zip(together, results, strict=True):
            each.result, each.is_over = result, True

    def _run(self, work: Work, together: list[_Waiting]) -> list[Any]:
        self._fence(work)
        results = []
        for each in together:
            work.actor = each.actor
            results.append(each.act(work))
        return results


def _end(together: list[_Waiting], error: BaseException) -> None:
    for each in together:
        each.error, each.is_over = error, True


def _concerns_all(error: BaseException) -> bool:
    """The database or the lease is away: it would be for each of them."""
    return isinstance(error, Unavailable) or (isinstance(error, Conflict) and error.code == "lease_lost")
