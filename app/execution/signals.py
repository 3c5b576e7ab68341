"""How a running step learns that it should stop: somebody asked, its time is over, or this worker must let go."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn

import structlog
from sqlmodel import select

from app.database.connection import Database
from app.errors import Unavailable
from app.execution.lease import Lease
from app.releases.states import Control
from app.releases.tables import Release
from app.steps.contract import Interrupted, OutOfTime

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0  # between two looks at the database: the longest that a cancellation goes unnoticed


class Signals:
    """Of one worker process: whether it must let go, and how many acts still run."""

    def __init__(self, database: Database, lease: Lease) -> None:
        self._database = database
        self._lease = lease
        self._stopping = threading.Event()
        self._acting = 0
        self._changed = threading.Condition()

    def stop(self) -> None:
        """Let every act go on to its next safe point and no further."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def require_lease(self) -> None:
        """Raise Interrupted when another worker may have taken over."""
        if not self._lease.is_held():
            raise Interrupted("released", "This worker has lost its lease; another takes over.")

    def lose_lease(self) -> None:
        """A write was refused for want of a lease: what is let go of then must not stay in a process that goes on.

        One that is being stopped ends in any case.
        """
        if not self.is_stopping:
            self._lease.let_go()

    def gets_lease_again(self) -> bool:
        """Whether a lease that ran out is only late: nobody else can have taken over, and the next renewal takes it again."""
        return self._lease.is_exclusive and not self.is_stopping

    def require_going_on(self) -> None:
        """Raise Interrupted when this worker is being stopped, or has lost its lease."""
        if self.is_stopping:
            raise Interrupted("released", "This worker is being stopped; another takes over.")
        self.require_lease()

    @contextmanager
    def act(self) -> Iterator[None]:
        """Around everything that a stopping worker waits for. What must be let go of stays here for good."""
        self.begin_act()
        try:
            with self.parking():
                yield
        finally:
            self.end_act()

    def begin_act(self) -> None:
        """Of an act that ends elsewhere: one thread does it, another records what came of it."""
        self._count(1)

    def end_act(self) -> None:
        self._count(-1)

    @contextmanager
    def parking(self) -> Iterator[None]:
        """Inside an act: where it must be let go of, it ends, and its thread stays here for good.

        The engine keeps the workflow as running, and whoever takes it over begins the step again.
        """
        try:
            yield
        except Interrupted as stop:
            if stop.reason == "released":
                self.end_act()
                _stay_for_good()
            raise

    @contextmanager
    def staying(self) -> Iterator[None]:
        """Around a whole workflow: what must be let go of outside of any act never comes out of it either.

        The engine would take it for the workflow's end, and our row would be driven by nobody.
        """
        try:
            yield
        except Interrupted as stop:
            if stop.reason == "released":
                _stay_for_good()
            raise

    def wait_until_parked(self, seconds: float) -> bool:
        """Wait until no act runs any more; False when some still do after ``seconds``."""
        with self._changed:
            return self._changed.wait_for(lambda: self._acting == 0, timeout=seconds)

    def of(self, release_id: str, *, asked: Control | None, deadline: datetime | None = None) -> "ReleaseSignals":
        """``asked``: what was asked of the release when it was read just now."""
        return ReleaseSignals(self, self._database, release_id, deadline=deadline, asked=asked)

    def pause_for(self, seconds: float) -> None:
        """Wait, but not longer than until this worker is asked to stop."""
        self._stopping.wait(seconds)

    def _count(self, change: int) -> None:
        with self._changed:
            self._acting += change
            self._changed.notify_all()


def _stay_for_good() -> NoReturn:
    """This process ends, or begins anew, without its threads."""
    while True:
        threading.Event().wait()


class ReleaseSignals:
    """The signals that concern one release, for one act on it."""

    def __init__(
        self,
        signals: Signals,
        database: Database,
        release_id: str,
        *,
        deadline: datetime | None,
        asked: Control | None,
    ) -> None:
        self._signals = signals
        self._database = database
        self._release_id = release_id
        self._deadline = deadline
        self._asked = asked
        self._looked = time.monotonic()

    def checkpoint(self) -> None:
        """A safe point. Raises Interrupted or OutOfTime."""
        self._signals.require_going_on()
        if self._deadline is not None and self._is_past(self._deadline):
            raise OutOfTime()
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._asked = self._control()
        match self._asked:
            case Control.CANCEL:
                raise Interrupted("cancelled", "Cancelled at a safe point.")
            case Control.PAUSE:
                raise Interrupted("paused", "Paused at a safe point.")

    def _is_past(self, deadline: datetime) -> bool:
        """By the clock that the deadline was made with, on whatever machine that was."""
        try:
            return self._database.now() >= deadline
        except Unavailable as away:
            log.warning("clock_not_read", release=self._release_id, error=str(away))
            return False  # looked at again in a moment

    def _control(self) -> Control | None:
        self._looked = time.monotonic()
        try:
            with self._database.read() as session:
                asked = session.exec(select(Release.control).where(Release.id == self._release_id)).first()
            return None if asked is None else Control(asked)
        except Unavailable as away:
            # Looked at again in a moment. Should it stay away, the lease runs out, and that stops the step.
            log.warning("control_not_read", release=self._release_id, error=str(away))
            return None

    def wait(self, seconds: float) -> None:
        """Wait between two looks at Azure; raises as ``checkpoint`` does as soon as there is a reason to."""
        until = time.monotonic() + seconds
        while True:
            self.checkpoint()
            left = until - time.monotonic()
            if left <= 0:
                return
            self._signals.pause_for(min(left, LOOK_SECONDS))
