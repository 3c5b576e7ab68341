"""Taking over the work of a worker that is gone."""

import time

import structlog
from dbos import DBOS

from app.database.connection import Database
from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.workers.queries import live_ids
from app.workers.service import take_away_expired

log = structlog.get_logger(__name__)


class Takeover:
    """One worker's look after the others. After a gap of its own it waits: whom it has not heard of may be well."""

    def __init__(self, database: Database, *, lease_seconds: float) -> None:
        self._database = database
        self._lease_seconds = lease_seconds
        self._patient_until = time.monotonic()

    def look(self, in_time: bool) -> None:
        """Take expired leases away, and hand what their workers drove back to the queue."""
        if not in_time:
            self._patient_until = time.monotonic() + self._lease_seconds
        if time.monotonic() < self._patient_until:
            return
        with UnitOfWork(self._database, SERVICE).transaction() as work:
            for worker in take_away_expired(work):
                log.warning("worker_lost", worker=worker)
                work.append_event("worker.lost", subject=worker)
        pending = DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
        drivers = {workflow.executor_id for workflow in pending if workflow.executor_id}
        with self._database.read() as session:
            orphaned = drivers - live_ids(session)
        if orphaned:
            # Not public, hence the exact pin of the engine and the tests that kill workers: it re-enqueues. Whoever drove
            # them before has no lease, and without one nothing is written.
            handles = DBOS._recover_pending_workflows(sorted(orphaned))
            log.warning("work_taken_over", workers=sorted(orphaned), workflows=len(handles))
