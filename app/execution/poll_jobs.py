"""Following a training job: submit it where it is ours to submit, then ask Azure ML for it now and then until it has ended.

When it is asked next stands in the job's row; the workers' timers see to it. Between two polls a job holds nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta

import structlog

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
    JobState,
    claim_poll,
    give_up_job,
    record_state,
    schedule_poll,
)
from app.jobs.tables import TrainingJob
from app.planning.places import Place
from app.releases.attempts import INTERNAL_ERROR
from app.releasing.work import Work
from app.workers.queries import live_ids

log = structlog.get_logger(__name__)

LOST_AFTER = 20  # polls in a row without an answer before a job is given up


def poll_job(worker: WorkerContext, job_id: int, *, due_at: datetime | None = None) -> str:
    """Ask Azure ML once and store what was seen; the job's status. ``due_at``: not if it has been polled since it was due then."""
    return carry_out_bounded(
        worker,
        f"job-{job_id}",
        lambda: _poll(worker, job_id, due_at=due_at),
        requeue=lambda work: _let_go(work, worker, job_id),
        fail=[lambda why, work: _give_up(work, job_id, why)],
    )


def _poll(worker: WorkerContext, job_id: int, *, due_at: datetime | None) -> str:
    job = worker.write(lambda work: _claim(work, worker, job_id, due_at=due_at))
    if job.poller != worker.identity.id:
        return job.status
    worker.signals.require_going_on()
    sighting = _see(worker, job)
    ended = _why_it_ended(worker, job, sighting)
    return worker.write(lambda work: _store(work, worker, job_id, sighting, ended))


def _claim(work: Work, worker: WorkerContext, job_id: int, *, due_at: datetime | None) -> TrainingJob:
    """The job, with this worker as its poller unless it has ended, another one polls it, or has done so meanwhile."""
    job = work.get_one(TrainingJob, job_id, with_for_update=True)
    others = live_ids(work) - {worker.identity.id}
    if job.is_final or job.poller in others or due_at not in {None, job.next_poll_at}:
        return job
    claim_poll(work, job, poller=worker.identity.id)
    if job.unanswered > LOST_AFTER:
        said = f"{LOST_AFTER} polls in a row were not brought to their end. Look for it in the logs of the workers."
        _give_up(work, job_id, said)
    return job


def _let_go(work: Work, worker: WorkerContext, job_id: int) -> None:
    """It is due as before, for another worker."""
    job = work.get_one(TrainingJob, job_id, with_for_update=True)
    if job.poller == worker.identity.id:
        schedule_poll(work, job, at=job.next_poll_at)


def _give_up(work: Work, job_id: int, sentence: str) -> str:
    job = work.get_one(TrainingJob, job_id, with_for_update=True)
    was_final = job.is_final
    status = give_up_job(work, job, code=INTERNAL_ERROR, sentence=sentence)
    if not was_final:
        _tell(work, job)
    return status


def _store(work: Work, worker: WorkerContext, job_id: int, sighting: JobState, ended: Ended | None) -> str:
    job = work.get_one(TrainingJob, job_id, with_for_update=True)
    if job.poller != worker.identity.id:
        return job.status  # this was stored before, or another worker has taken over
    short = sighting.sentence  # for the event: it stays for ever, and what the team's code said may have to be deleted
    if ended is not None:
        sighting = replace(sighting, sentence=f"{short} {ended.why}")
    if record_state(work, job, sighting):
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
    pause = timedelta(seconds=worker.settings.job_poll_seconds)
    schedule_poll(work, job, at=None if sighting.is_final else work.now + pause)
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


def _see(worker: WorkerContext, job: TrainingJob) -> JobState:
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


def _seen(worker: WorkerContext, job: TrainingJob) -> JobState:
    seen = get_job(worker.azure, job.place, job.name)
    children = list_children(worker.azure, job.place, job.name)
    record = _read_run(worker, job.place, job.name)
    metrics = dict(record.metrics)
    for child in children if seen.is_final else ():
        metrics |= _read_run(worker, job.place, child.name).metrics
    return JobState(
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


def _why_it_ended(worker: WorkerContext, job: TrainingJob, sighting: JobState) -> Ended | None:
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


def _not_submitted(worker: WorkerContext, job: TrainingJob, error: AzureMLError) -> JobState:
    """Refused for good, unless it may pass: then nothing was made in Azure, and the name is free again."""
    log.warning("job_not_submitted", job=job.name, code=error.code, error=str(error))
    if error.retryable and job.unanswered < LOST_AFTER:
        return _asked_again(job, error)
    known = _as_known(job, status=REFUSED, is_final=True, code="job_refused", sentence=str(error))
    return replace(known, ended_at=worker.now())


def _not_seen(job: TrainingJob, error: AzureMLError) -> JobState:
    log.warning("job_not_seen", job=job.name, code=error.code, error=str(error))
    # Without a code of Azure it is no refusal: an answer that was garbled on the way, or that the SDK could not read.
    is_unread = isinstance(error, SdkFailed) or (isinstance(error, BadRequest) and error.azure_code is None)
    if (error.retryable or is_unread) and job.unanswered < LOST_AFTER:
        return _asked_again(job, error)
    if isinstance(error, NotFound):
        return _as_known(job, status=NOT_FOUND, is_final=True, code="job_not_found", sentence=str(error))
    return _as_known(job, status=LOST, is_final=True, code=error.code, sentence=str(error))


def _asked_again(job: TrainingJob, error: AzureMLError) -> JobState:
    sentence = f"{error.sentence} The lookup is repeated."
    return _as_known(job, status=job.status, is_final=False, code=NOT_SEEN, sentence=sentence)


def _as_known(job: TrainingJob, *, status: str, is_final: bool, code: str, sentence: str) -> JobState:
    return JobState(
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
