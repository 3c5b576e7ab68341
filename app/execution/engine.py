"""The durable engine in a worker process: set up, launched, stopped."""

import math
import threading
import time

import structlog
from dbos import DBOS, DBOSConfig

from app.database.connection import Database
from app.database.engines import IDLE_SECONDS
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

HAND_OVER_SECONDS = 1.0  # of the time to stop: for the database to hear of it


def launch_engine(worker: WorkerContext) -> None:
    """Begin to take work, going on first with what a worker of this name had begun before it was killed."""
    DBOS(config=engine_config(worker.settings, worker.database, executor=worker.identity.id))
    for register in (register_rollouts, register_prepare, register_dry_run, register_sweeps):
        register(worker)
    DBOS.launch()
    register_queues(worker.settings)


def restore_queues(settings: Settings) -> None:
    """Register again what the engine keeps of its queues in the database, where that was lost. It takes work again in a second."""
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
    }
    if database.password is not None:
        # Its own pool, as without: the engine would make one that knows no passwords but the URL's.
        config["system_database_engine"] = Database(settings.database, password=database.password).engine
    return config
