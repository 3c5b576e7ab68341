"""Taking over the work of a worker that is gone."""

import time
from collections.abc import Callable

import structlog

from app.database.connection import Database
from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.workers.queries import WORKER_LOST
from app.workers.service import take_away_expired

log = structlog.get_logger(__name__)


class Takeover:
    """One worker's look after the others. After a gap of its own it waits: whom it has not heard of may be well.

    ``lost`` is called when one was lost: what it drove is queued anew by ``reconcile``.
    """

    def __init__(self, database: Database, *, lease_seconds: float, lost: Callable[[], None]) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._lost = lost
        self._patient_until = time.monotonic()

    def look(self, in_time: bool) -> None:
        """Take expired leases away."""
        if not in_time:
            self._patient_until = time.monotonic() + self._lease_seconds
        if time.monotonic() < self._patient_until:
            return
        with UnitOfWork(self._database, SERVICE).transaction() as work:
            gone = take_away_expired(work)
            for worker in gone:
                log.warning("worker_lost", worker=worker)
                work.append_event(WORKER_LOST, subject=worker)
        if gone:
            self._lost()
