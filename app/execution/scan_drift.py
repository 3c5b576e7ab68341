"""Comparing what is on record of a target with what Azure has there. Changes nothing in Azure."""

from datetime import datetime, timedelta

import structlog

from app.azureml.errors import AzureMLError
from app.evidence.redaction import redact
from app.execution.context import WorkerContext
from app.planning.places import Target
from app.releasing.work import Work
from app.serving.scans import begin_scan, end_scan, put_off

log = structlog.get_logger(__name__)

LOST_SECONDS = 300.0  # after which another worker compares: longer than Azure takes to answer
CHANGING_SECONDS = 30.0  # until the next look at what somebody changes just now


def scan_drift(worker: WorkerContext, target: str) -> None:
    """Compare a target that is due, unless a rollout moves it."""
    scan = worker.write(lambda work: begin_scan(work, target, again_at=work.now + timedelta(seconds=LOST_SECONDS)))
    if scan is None:
        return
    try:
        found = worker.lookups.read_target(Target.parse(target), scan.key_vault)
    except AzureMLError as no:
        log.warning("target_not_compared", target=target, code=no.code, error=str(no))
        sentence = redact(no.sentence)
        worker.write(lambda work: put_off(work, scan, sentence=sentence, next_at=_next_at(worker, work)))
        return

    def keep(work: Work) -> None:
        if found.changing is not None:
            soon = work.now + timedelta(seconds=CHANGING_SECONDS)
            put_off(work, scan, sentence=f"Not compared: {found.changing}.", next_at=soon)
        else:
            end_scan(
                work,
                scan,
                found.observed,
                stale_secrets=found.stale_secrets,
                next_at=_next_at(worker, work),
            )

    worker.write(keep)


def _next_at(worker: WorkerContext, work: Work) -> datetime | None:
    """None: when somebody asks for it."""
    seconds = worker.settings.drift_seconds
    return work.now + timedelta(seconds=seconds) if seconds else None
