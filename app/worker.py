"""The worker process, put together: ``mlrelease worker``. The only one that imports the Azure SDK."""

if __name__ == "__main__":  # before the imports, which take seconds: it begins anew
    from app.process.environment import hide_secrets
    from app.process.garbage import collect_nothing_yet

    hide_secrets()
    collect_nothing_yet()

import fcntl
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from types import FrameType

import structlog

from app.azureml.client import read_azure_settings
from app.azureml.facade import open_azure
from app.azureml.outgoing import guard_requests
from app.chat.wiring import open_notifier
from app.database.connection import Database
from app.database.opening import open_database
from app.database.revision import check_schema
from app.errors import Misconfigured, MlreleaseError
from app.execution.context import Lookups, WorkerContext
from app.execution.engine import launch_engine, restore_queues, stop_engine
from app.execution.lease import Lease
from app.execution.reconcile import Reconciliation
from app.execution.scratch import sweep
from app.execution.signals import Signals
from app.execution.takeover import Takeover
from app.execution.timers import Timer
from app.gates.service import announce_to_gates
from app.gates.wiring import gate_senders
from app.guardrails.file import read_guardrails
from app.guardrails.rules import Guardrails
from app.logs import log_all_output, set_up_logs
from app.planning.budget import Budget
from app.process.environment import begin_anew, forget_secrets
from app.process.garbage import collect_from_now_on
from app.process.private_files import keep_files_private
from app.process.python_version import warn_of_old_python
from app.releasing.queue import DbosQueue
from app.settings import Settings, read_settings
from app.steps.catalogue import build_steps
from app.workers.service import WorkerIdentity

log = structlog.get_logger(__name__)


def work() -> None:
    """Carry out what is queued until told to stop."""
    environment = dict(os.environ)  # as it is before the Azure SDK writes into it: with what it writes it cannot start
    settings = read_settings()
    keep_files_private(settings.data)
    set_up_logs(settings.log_format)
    log_all_output(settings.log_format)
    guardrails = read_guardrails(settings)
    stop = _stop_signal()
    database = open_database(settings)
    check_schema(database)
    identity = _identity(settings)
    lease = Lease(database, identity, seconds=settings.lease_seconds, exclusive=settings.is_sqlite)
    lease.take()
    warn_of_old_python()
    others_lost = threading.Event()
    lease.keep(
        each_beat=_look_after_others(settings, database, others_lost), lost=lambda: _begin_anew(stop, environment)
    )
    worker = _open_context(settings, database, identity, lease, guardrails)
    notifier = open_notifier(settings, database, senders=gate_senders(settings), announcers=[announce_to_gates])
    forget_secrets()
    for folder in sweep(worker.scratch_root):
        log.info("scratch_removed", folder=folder)
    launch_engine(worker)
    reconciliation = Reconciliation(worker, restore_queues=lambda: restore_queues(settings))
    reconciliation.keep(seconds=settings.reconcile_seconds, soon=others_lost)
    Timer(worker).keep(seconds=settings.queue_poll_seconds)
    notifier.start()
    collect_from_now_on()
    if settings.ready_file is not None:
        settings.ready_file.write_text(str(os.getpid()))
    log.info("worker_ready", identity=identity.id)
    stop.wait()
    log.info("worker_stopping")
    notifier.stop()
    if not stop_engine(worker, lease):
        # What did not reach a safe point in time goes on in threads that would keep this process: a kill, which others take over.
        os.kill(os.getpid(), signal.SIGKILL)


def _open_context(
    settings: Settings, database: Database, identity: WorkerIdentity, lease: Lease, guardrails: Guardrails
) -> WorkerContext:
    signals = Signals(database, lease)
    azure_settings = read_azure_settings(settings, before_request=signals.require_lease)
    guard_requests(azure_settings)
    azure = open_azure(azure_settings)
    return WorkerContext(
        settings=settings,
        database=database,
        queue=DbosQueue(database.engine),
        azure=azure,
        lookups=Lookups.of(azure),
        steps=build_steps(azure),
        signals=signals,
        identity=identity,
        guardrails=guardrails,
        budget=Budget(
            tries=settings.retry_tries,
            first_wait=settings.retry_first_seconds,
            longest_wait=settings.retry_longest_seconds,
        ),
    )


def _look_after_others(settings: Settings, database: Database, lost: threading.Event) -> Callable[[bool], None]:
    """Over SQLite there are no others."""
    if settings.is_sqlite:
        return lambda _in_time: None
    return Takeover(database, lease_seconds=settings.lease_seconds, lost=lost.set).look


def _begin_anew(stop: threading.Event, environment: dict[str, str]) -> None:
    """Another worker has taken over, or may have: this process starts again from nothing, under a new name."""
    if stop.is_set():
        return  # it ends anyway
    log.warning("worker_restarts")
    begin_anew(["-m", "app.worker"], environment)


def _identity(settings: Settings) -> WorkerIdentity:
    host, pid = socket.gethostname(), os.getpid()
    if settings.is_sqlite:
        _lock_out_others(Path(settings.database.removeprefix("sqlite:///") + ".worker"))
        name = "embedded"  # goes on with its own work after a restart
    else:
        name = f"{host}-{pid}-{secrets.token_hex(3)}"
    return WorkerIdentity(id=name, host=host, pid=pid, version=version("mlrelease"))


def _lock_out_others(lock: Path) -> None:
    """Over SQLite there is one worker. The lock is the process's: it goes with it, however it ends."""
    handle = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as taken:
        raise Misconfigured(
            "Another worker uses this SQLite database.",
            code="worker_is_running",
            hint="Stop it first. To run several workers, set MLRELEASE_DATABASE_URL to a PostgreSQL database.",
        ) from taken


def _stop_signal() -> threading.Event:
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, ask_to_stop)
    return stop


if __name__ == "__main__":
    try:
        work()
    except MlreleaseError as error:
        raise SystemExit(str(error)) from error
