"""How a running step learns that it should stop: a person asked, it timed out, or the worker must let go."""

import threading
import time
from datetime import datetime

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
    """Of one worker process: whether it must let go."""

    def __init__(self, database: Database, lease: Lease) -> None:
        self._database = database
        self._lease = lease
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Let everything go on to its next safe point and no further."""
        self._stopping.set()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def require_lease(self) -> None:
        """Raise Interrupted when another worker may have taken over."""
        if not self._lease.is_held():
            raise Interrupted("released", "This worker has lost its lease; another one takes over.")

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
            raise Interrupted("released", "This worker is stopping; another one takes over.")
        self.require_lease()

    def may_go_on(self) -> bool:
        """Whether this worker is neither being stopped nor without a lease."""
        return not self.is_stopping and self._lease.is_held()

    def of(
        self, release_id: str, *, asked: Control | None, deadline: datetime | None = None, heeds: bool = True
    ) -> "ReleaseSignals":
        """``asked``: what was asked of the release when it was read just now. ``heeds``: whether that stops what is done to it."""
        return ReleaseSignals(self, self._database, release_id, deadline=deadline, asked=asked, heeds=heeds)

    def pause_for(self, seconds: float) -> None:
        """Wait, but not longer than until this worker is asked to stop."""
        self._stopping.wait(seconds)


class ReleaseSignals:
    """The signals that concern one release, for one thing that is done to it."""

    def __init__(
        self,
        signals: Signals,
        database: Database,
        release_id: str,
        *,
        deadline: datetime | None,
        asked: Control | None,
        heeds: bool,
    ) -> None:
        self._signals = signals
        self._database = database
        self._release_id = release_id
        self._deadline = deadline
        self._asked = asked
        self._heeds = heeds
        self._looked = time.monotonic()

    def checkpoint(self) -> None:
        """A safe point. Raises Interrupted or OutOfTime."""
        self._signals.require_going_on()
        if self._deadline is not None and self._is_past(self._deadline):
            raise OutOfTime()
        if not self._heeds:
            return
        if time.monotonic() - self._looked >= LOOK_SECONDS:
            self._asked = self._control()
        match self._asked:
            case Control.CANCEL | Control.ABORT:
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
