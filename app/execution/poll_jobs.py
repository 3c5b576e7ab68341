"""Following a training job: submit it where it is ours to submit, then look at it now and then until it has ended.

A look is a short workflow that queues the next one with a delay, so that a job of ten hours holds no worker.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace

import structlog
from dbos import DBOS

from app.azureml.environments import register_environment
from app.azureml.errors import AzureMLError, BadRequest, NotFound, SdkFailed
from app.azureml.jobs import get_job, list_children, submit_job
from app.azureml.runs import read_run
from app.azureml.types import ChildJob, RunRecord
from app.evidence.service import keep, subject_of_job
from app.execution.bounded import carry_out_bounded
from app.execution.context import WorkerContext
from app.execution.job_ends import Ended, read_end
from app.guardrails.rules import Refusal, job_site, say_all
from app.jobs.service import (
    COMPLETED,
    ENDED_IN_AZURE,
    LOST,
    NOT_FOUND,
    NOT_SEEN,
    RECORDED,
    REFUSED,
    SUBMITTING,
    Sighting,
    end_without_sighting,
    note_sighting,
    renew_looks,
)
from app.jobs.tables import TrainingJob
from app.planning.places import Place
from app.releases.service import INTERNAL_ERROR
from app.releasing.names import LOOK_AT_JOB
from app.releasing.work import Work

log = structlog.get_logger(__name__)

LOST_AFTER = 20  # looks in a row without an answer before a job is given up


def register_training(worker: WorkerContext) -> None:
    """Make the workflow known to the engine."""

    @DBOS.workflow(name=LOOK_AT_JOB, max_recovery_attempts=None)
    def look_at_job(job_id: int) -> str:
        return look(worker, job_id)


def look(worker: WorkerContext, job_id: int) -> str:
    """Look once, store what was seen, queue the next look unless the job has ended; the job's status."""
    return carry_out_bounded(
        worker,
        f"job-{job_id}",
        lambda: _look(worker, job_id),
        requeue=lambda work: work.queue.look_at_job(
            work, job_id, look=renew_looks(work, work.get_one(TrainingJob, job_id)), delay=0
        ),
        fail=[lambda why, work: _give_up(work, job_id, why)],
    )


def _look(worker: WorkerContext, job_id: int) -> str:
    job = worker.read(lambda session: session.get_one(TrainingJob, job_id))
    if job.is_final:
        return job.status
    worker.signals.require_going_on()
    sighting = _see(worker, job)
    ended = _why_it_ended(worker, job, sighting)
    return worker.write(lambda work: _store(work, worker, job_id, job.looks, sighting, ended))


def _give_up(work: Work, job_id: int, sentence: str) -> str:
    job = work.get_one(TrainingJob, job_id, with_for_update=True)
    was_final = job.is_final
    status = end_without_sighting(work, job, code=INTERNAL_ERROR, sentence=sentence)
    if not was_final:
        _tell(work, job)
    return status


def _store(work: Work, worker: WorkerContext, job_id: int, looks: int, sighting: Sighting, ended: Ended | None) -> str:
    job = work.get_one(TrainingJob, job_id, with_for_update=True)
    if job.looks != looks:
        return job.status  # this look was stored before: the next one is queued
    short = sighting.sentence  # for the event: it stays for ever, and what the team's code said may have to be deleted
    if ended is not None:
        sighting = replace(sighting, sentence=f"{short} {ended.why}")
    if note_sighting(work, job, sighting):
        logs = [
            keep(
                work,
                each,
                subject=subject_of_job(job_id),
                model=job.model,
                days=worker.settings.log_days,
            )
            for each in (ended.logs if ended is not None else ())
        ]
        _tell(work, job, sentence=short, logs=logs)
    if not sighting.is_final:
        worker.queue.look_at_job(work, job_id, look=job.looks, delay=worker.settings.job_poll_seconds)
    return job.status


def _tell(
    work: Work,
    job: TrainingJob,
    *,
    sentence: str | None = None,
    logs: Sequence[Mapping[str, str | int]] = (),
) -> None:
    work.append_event(
        f"job.{job.code}",
        subject=f"{job.workspace}/{job.name}",
        model=job.model,
        data={
            "status": job.status,
            "sentence": sentence or job.sentence,
            **({"logs": [dict(each) for each in logs]} if logs else {}),
        },
    )


def _see(worker: WorkerContext, job: TrainingJob) -> Sighting:
    """What Azure ML shows of it now. An answer that does not come is a sighting too, until there were too many."""
    if refusals := _refusals(worker, job):
        said = {"code": "guardrail_refused", "sentence": say_all(refusals)}
        return _as_known(job, status=REFUSED if job.status == SUBMITTING else LOST, is_final=True, **said)
    if job.bundle_digest is not None and job.status == SUBMITTING:
        try:
            _submit(worker, job)
        except AzureMLError as error:
            return _not_submitted(worker, job, error)
    try:
        return _seen(worker, job)
    except AzureMLError as error:
        return _not_seen(job, error)


def _refusals(worker: WorkerContext, job: TrainingJob) -> list[Refusal]:
    """Why a job may not be where it is, by the guardrails as they are now. One that was submitted runs on: it is followed to its end."""
    if job.status not in {SUBMITTING, RECORDED}:
        return []
    return list(worker.guardrails.job_refusals(job_site(model=job.model or "", place=job.place)))


def _seen(worker: WorkerContext, job: TrainingJob) -> Sighting:
    seen = get_job(worker.azure, job.place, job.name)
    children = list_children(worker.azure, job.place, job.name)
    record = _read_run(worker, job.place, job.name)
    metrics = dict(record.metrics)
    for child in children if seen.is_final else ():
        metrics |= _read_run(worker, job.place, child.name).metrics
    return Sighting(
        status=seen.status,
        is_final=seen.is_final,
        code=seen.status.lower(),
        sentence=_sentence(seen.status, children),
        outputs=dict(seen.outputs),
        metrics=metrics,
        children=[asdict(child) for child in children],
        git_commit=seen.git_commit,
        studio_url=seen.studio_url,
        started_at=record.started_at,
        ended_at=record.ended_at,
    )


def _why_it_ended(worker: WorkerContext, job: TrainingJob, sighting: Sighting) -> Ended | None:
    """Of a job that Azure ML says has ended without being completed; its logs are read once, before the end is stored."""
    if sighting.status not in ENDED_IN_AZURE - {COMPLETED}:
        return None
    children = [ChildJob(**child) for child in sighting.children]
    return read_end(worker, job.place, job.name, sighting.status.lower(), children)


def _submit(worker: WorkerContext, job: TrainingJob) -> None:
    assert job.bundle_digest is not None, "only a job with a bundle is submitted"
    assert job.entry is not None, "a bundle is recorded with its entry"
    folder = worker.bundle(job.bundle_digest)
    for environment in job.environments:
        register_environment(worker.azure, job.place, folder / environment, folder=folder)
    submit_job(
        worker.azure,
        job.place,
        job.name,
        folder=folder,
        entry=job.entry,
        bundle_digest=job.bundle_digest,
        tags={"mlrelease.model": job.model or "", **_git_tags(job)},
        git_commit=(job.git or {}).get("commit"),
    )


def _git_tags(job: TrainingJob) -> dict[str, str]:
    """What is said of the checkout, and by whom: nobody else vouches for it."""
    git = job.git or {}
    said = {"author": git.get("author"), "branch": git.get("branch"), "dirty": str(bool(git.get("dirty"))).lower()}
    tags = {f"mlrelease.git.{name}": str(value) for name, value in said.items() if value}
    return {**tags, "mlrelease.git.said_by": job.recorded_by} if git else {}


def _read_run(worker: WorkerContext, workspace: Place, run: str) -> RunRecord:
    """A run that has not begun has no record yet."""
    try:
        return read_run(worker.azure, workspace, run)
    except NotFound:
        return RunRecord(metrics={}, started_at=None, ended_at=None)


def _not_submitted(worker: WorkerContext, job: TrainingJob, error: AzureMLError) -> Sighting:
    """Refused for good, unless it may pass: then nothing was made in Azure, and the name is free again."""
    log.warning("job_not_submitted", job=job.name, code=error.code, error=str(error))
    if error.retryable and job.unanswered < LOST_AFTER:
        return _asked_again(job, error)
    known = _as_known(job, status=REFUSED, is_final=True, code="job_refused", sentence=str(error))
    return replace(known, ended_at=worker.now())


def _not_seen(job: TrainingJob, error: AzureMLError) -> Sighting:
    log.warning("job_not_seen", job=job.name, code=error.code, error=str(error))
    # Without a code of Azure it is no refusal: an answer that was garbled on the way, or that the SDK could not read.
    is_unread = isinstance(error, SdkFailed) or (isinstance(error, BadRequest) and error.azure_code is None)
    if (error.retryable or is_unread) and job.unanswered < LOST_AFTER:
        return _asked_again(job, error)
    if isinstance(error, NotFound):
        return _as_known(job, status=NOT_FOUND, is_final=True, code="job_not_found", sentence=str(error))
    return _as_known(job, status=LOST, is_final=True, code=error.code, sentence=str(error))


def _asked_again(job: TrainingJob, error: AzureMLError) -> Sighting:
    sentence = f"{error.sentence} The lookup is repeated."
    return _as_known(job, status=job.status, is_final=False, code=NOT_SEEN, sentence=sentence)


def _as_known(job: TrainingJob, *, status: str, is_final: bool, code: str, sentence: str) -> Sighting:
    return Sighting(
        status=status,
        is_final=is_final,
        code=code,
        sentence=sentence,
        outputs=job.outputs,
        metrics=job.metrics,
        children=job.children,
        environment=job.environment,
        git_commit=job.git_commit,
        studio_url=job.studio_url,
        started_at=job.started_at,
        ended_at=job.ended_at,
    )


def _sentence(status: str, children: list[ChildJob]) -> str:
    steps = ", ".join(f"{child.display_name} {child.status.lower()}" for child in children)
    return f"{status}: {steps}." if steps else f"{status}."
