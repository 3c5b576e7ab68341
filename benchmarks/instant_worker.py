"""A worker of the real service whose steps are instant: what is left to measure is the service itself.

Everything but the steps is what ``app.worker`` puts together: leases, engine, queue, records, events.
"""

import os
import secrets
import signal
import sys
import threading

from app.azureml.client import AzureSettings
from app.azureml.facade import open_azure
from app.database.connection import Database
from app.documents.json_object import Json
from app.execution.context import Lookups, WorkerContext
from app.execution.engine import launch_engine
from app.execution.lease import Lease
from app.execution.signals import Signals
from app.guardrails.rules import NO_GUARDRAILS
from app.jobs.tables import TrainingJob  # noqa: F401 - releases refer to its table
from app.logs import set_up_logs
from app.planning.checks import Check
from app.planning.content import Content, EnvironmentVersion
from app.planning.kinds import KINDS
from app.planning.observed import Observed
from app.planning.sources import JobSource
from app.preflight.look_at_target import TargetSeen
from app.releasing.queue import DbosQueue
from app.settings import read_settings
from app.steps.contract import Context, Done
from app.steps.read_target import Found
from app.workers.service import WorkerIdentity

CONTENT = Content(
    source=JobSource(job="job"),
    model_uri="azureml://jobs/job/outputs/model/paths/",
    model_digest="sha256:0",
    model_files=1,
    model_bytes=1,
    environment=EnvironmentVersion(name="env", version="1", digest="sha256:1", id="azureml:env:1"),
)


def main() -> None:
    """Work until told to stop; says ``ready`` once it takes work."""
    settings = read_settings()
    set_up_logs(settings.log_format)
    database = Database(settings.database)
    identity = WorkerIdentity(id=f"bench-{secrets.token_hex(4)}", host="bench", pid=os.getpid(), version="0")
    lease = Lease(database, identity, seconds=settings.lease_seconds, exclusive=settings.is_sqlite)
    lease.take()
    worker = WorkerContext(
        settings=settings,
        database=database,
        queue=DbosQueue(database.engine),
        azure=open_azure(AzureSettings()),
        lookups=Lookups(
            resolve_content=lambda _context, _wanted: CONTENT,
            preflight=lambda _context, _wanted: [],
            look_at_target=lambda _context, wanted: TargetSeen(
                Check(stage=wanted.stage, check="endpoint", outcome="passed", code="passed", sentence="It is there.")
            ),
            read_target=lambda _target, _vault: Found(Observed()),
        ),
        steps=dict.fromkeys(KINDS, _instant),
        signals=Signals(database, lease),
        identity=identity,
        guardrails=NO_GUARDRAILS,
    )
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    launch_engine(worker)
    lease.keep(each_beat=lambda _in_time: None, lost=_lost)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    stop.wait()
    os._exit(0)


def _lost() -> None:
    sys.stderr.write("the lease is lost\n")
    os._exit(1)


def _instant(_context: Context, _config: Json) -> Done:
    return Done("Done.", {"version": "1"})


if __name__ == "__main__":
    main()
