"""A worker's lease: renewed by a thread of its own, and the right to act while it is held.

Held means: renewed less than its length ago, by this machine's own clock, counted from before the renewal was sent. That clock goes
on while the process is stopped or the machine sleeps, so a worker that was paused knows at its first step that it may be late. The
database is stricter still: every write of a worker checks the lease in its own transaction.
"""

import threading
import time
from collections.abc import Callable

import structlog

from app.database.connection import Database
from app.errors import Unavailable
from app.workers.service import WorkerIdentity, give_back, renew_lease, take_lease

log = structlog.get_logger(__name__)

BEATS = 5  # renewals in the length of a lease


class Lease:
    """One worker's. ``exclusive``: nobody else can be at work on this database, so running late takes nothing away."""

    def __init__(self, database: Database, worker: WorkerIdentity, *, seconds: float, exclusive: bool) -> None:
        self.worker = worker
        self._database = database
        self._seconds = seconds
        self._exclusive = exclusive
        self._held_until = float("-inf")
        self._lapsed = False
        self._ended = threading.Event()

    def take(self) -> None:
        """Begin it. Before the engine is launched: whoever executes has a lease."""
        begun = _clock()
        with self._database.write() as session:
            take_lease(session, self.worker, seconds=self._seconds)
        self._held_until = begun + self._seconds

    def keep(self, *, each_beat: Callable[[bool], None], lost: Callable[[], None]) -> None:
        """Renew it in a thread until it is given back. ``each_beat`` is told whether the beat before was in time."""
        threading.Thread(target=self._keep, args=(each_beat, lost), name="lease", daemon=True).start()

    @property
    def is_exclusive(self) -> bool:
        return self._exclusive

    def is_held(self) -> bool:
        """Once somebody was told that it is not, it never is again: what was let go of then is not taken up by this process."""
        if not self._exclusive and _clock() >= self._held_until:
            self._lapsed = True
        return not self._lapsed

    def let_go(self) -> None:
        """The database says that it ran out: this process begins anew, even if a renewal that was under way comes through yet."""
        self._lapsed = True

    def give_back(self) -> None:
        """End it; nothing may be done under it any more."""
        self._ended.set()
        self._held_until, self._lapsed = float("-inf"), True
        with self._database.write() as session:
            give_back(session, self.worker.id)

    def _keep(self, each_beat: Callable[[bool], None], lost: Callable[[], None]) -> None:
        beat = self._seconds / BEATS
        before = _clock()
        while not self._ended.wait(beat):
            in_time = _clock() - before < 2 * beat
            before = _clock()
            is_ours = True
            try:
                is_ours = self._renew(before)
                if is_ours:
                    each_beat(in_time)
            except Unavailable as away:
                log.warning("lease_not_renewed", error=str(away), held=self.is_held())
            except BaseException:
                # Whatever one beat ran into: a thread that ends here would leave a worker that nobody can tell from a dead one.
                log.exception("lease_renewal_failed")
            if not (is_ours and self.is_held()):
                if not self._ended.is_set():
                    lost()
                return

    def _renew(self, begun: float) -> bool:
        with self._database.write() as session:
            if not renew_lease(session, self.worker.id, seconds=self._seconds):
                if not self._exclusive:
                    return False
                take_lease(session, self.worker, seconds=self._seconds)
        self._held_until = begun + self._seconds
        return True


def _clock() -> float:
    """Seconds that also pass while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
