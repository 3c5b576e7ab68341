"""The durable engine in a worker process: set up, launched, stopped."""

import math
import threading
import time

import dbos._dbos
import dbos._workflow_commands
import structlog
from dbos import DBOS, DBOSConfig
from dbos._queue import queue_thread

from app.database.connection import Database
from app.database.engines import IDLE_SECONDS
from app.database.watch import Look, Watch
from app.errors import Unavailable
from app.execution.context import WorkerContext
from app.execution.dry_run import register_dry_run
from app.execution.lease import Lease
from app.execution.prepare import register_prepare
from app.execution.rollout import register_rollouts
from app.execution.sweep import register_sweeps
from app.releasing.names import ENGINE_NAME, ENGINE_VERSION, ROLLOUTS, TASKS
from app.releasing.serialization import SERIALIZER
from app.settings import Settings

log = structlog.get_logger(__name__)

NOT_USED_SECONDS = (
    3.0  # between looks of the engine at what ours do not use; for five it may hold the lock that it holds so long
)
LONGEST_SECONDS = 3.0  # until the engine asks for work, though nothing was changed
HAND_OVER_SECONDS = 1.0  # of the time to stop: for the database to hear of it


def launch_engine(worker: WorkerContext) -> None:
    """Begin to take work, going on first with what a worker of this name had begun before it was killed."""
    DBOS(config=engine_config(worker.settings, worker.database, executor=worker.identity.id))
    for register in (register_rollouts, register_prepare, register_dry_run, register_sweeps):
        register(worker)
    _let_rest(worker.database.watch)
    DBOS.launch()
    register_queues(worker.settings)


def _let_rest(watch: Watch) -> None:
    """Have the engine ask for work after a change only. By itself it asks at each interval, whatever was written.

    Its queue threads wait on the event that stops them: that is where they wait longer. And it looks each second for workflows that
    have timed out or were delayed, of which there are none. A test holds the engine to the first.
    """
    dbos._dbos.queue_thread = lambda stop, engine: queue_thread(_StopOrChange(stop, watch), engine)  # type: ignore[attr-defined, assignment, arg-type] # no more of an event is used
    dbos._workflow_commands._BACKGROUND_JOBS_INTERVAL_SEC = NOT_USED_SECONDS


class _StopOrChange:
    """The event that stops the engine's queue threads. ``wait`` ends at a time that the engine wants only if there was a change."""

    def __init__(self, stop: threading.Event, watch: Watch) -> None:
        self._stop = stop
        self._own = _Own(watch)

    def is_set(self) -> bool:
        return self._stop.is_set()

    def wait(self, timeout: float) -> bool:
        look = self._own.look
        while not self._stop.wait(timeout):
            if look.is_time():
                return False
        return True


class _Own(threading.local):
    """What each thread has one of."""

    def __init__(self, watch: Watch) -> None:
        self.look = Look(watch, seconds=LONGEST_SECONDS)


def restore_queues(settings: Settings) -> None:
    """Register again what the engine keeps of its queues in the database, where that was lost. It takes work again within seconds."""
    if DBOS.retrieve_queue(ROLLOUTS) is None or DBOS.retrieve_queue(TASKS) is None:
        register_queues(settings)


def register_queues(settings: Settings) -> None:
    """Tell the engine how much is carried out at once."""
    polling = settings.queue_poll_seconds
    DBOS.register_queue(
        ROLLOUTS,
        partition_concurrency=1,
        worker_concurrency=settings.worker_rollouts,
        polling_interval_sec=polling,
        on_conflict="always_update",
    )
    DBOS.register_queue(TASKS, worker_concurrency=8, polling_interval_sec=polling, on_conflict="always_update")


def stop_engine(worker: WorkerContext, lease: Lease) -> bool:
    """Take no more work, and let what is carried out reach its next safe point; whether all of it did."""
    worker.signals.stop()
    until = time.monotonic() + worker.settings.stop_seconds - HAND_OVER_SECONDS
    DBOS.destroy(workflow_completion_timeout_sec=math.ceil(until - time.monotonic()))
    if not (all_let_go := worker.driven.wait_until_nothing(max(until - time.monotonic(), 0.0))):
        log.warning("worker_stopped_midway")
    # A database that does not answer must not keep us: the lease then ends by itself.
    handing_over = threading.Thread(target=_give_back, args=(lease,), daemon=True)
    handing_over.start()
    handing_over.join(HAND_OVER_SECONDS)
    return all_let_go


def _give_back(lease: Lease) -> None:
    try:
        lease.give_back()
    except Unavailable as away:
        log.warning("lease_not_given_back", error=str(away))


def engine_config(settings: Settings, database: Database, *, executor: str) -> DBOSConfig:
    """Over the same database as ours, logged in to in the same way."""
    config: DBOSConfig = {
        "name": ENGINE_NAME,
        "system_database_url": settings.database,
        "application_version": ENGINE_VERSION,
        "executor_id": executor,
        "serializer": SERIALIZER,
        "run_migrations": False,
        "sys_db_idle_transaction_timeout_sec": IDLE_SECONDS,
        "log_level": "WARNING",
        "enable_otlp": False,
        "notification_listener_polling_interval_sec": NOT_USED_SECONDS,  # over SQLite: of messages to workflows, of which there are none
    }
    if database.password is not None:
        # Its own pool, as without: the engine would make one that knows no passwords but the URL's.
        config["system_database_engine"] = Database(settings.database, password=database.password).engine
    return config
