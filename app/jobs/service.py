"""The only writer of training jobs."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from app.events.work import UnitOfWork
from app.evidence.redaction import sentence_of
from app.jobs.tables import TrainingJob
from app.planning.places import Place

RECORDED = "Recorded"
SUBMITTING = "Submitting"
COMPLETED = "Completed"  # Azure's word
ENDED_IN_AZURE = frozenset({COMPLETED, "Failed", "Canceled"})
NOT_FOUND = "NotFound"
REFUSED = "Refused"  # nothing was made in Azure: the name is free
LOST = "Lost"  # it is or was there, but Azure ML does not tell any more
NOT_SEEN = "not_seen"  # the code of a sighting without an answer


# Made once: it is in every request for a release of a job.
_NAMED = select(TrainingJob).where(
    *(col(getattr(TrainingJob, each)) == bindparam(each) for each in (*Place.model_fields, "name"))
)


@dataclass(frozen=True)
class Submission:
    """What is to be submitted: files of a bundle."""

    bundle_digest: str
    entry: str  # the job's YAML
    environments: tuple[str, ...] = ()  # YAML of environments to be registered before
    git: dict[str, Any] | None = None  # commit, author, branch, dirty: claimed by whoever submits it


@dataclass(frozen=True)
class JobState:
    """What a poll of Azure ML showed."""

    status: str
    is_final: bool
    code: str
    sentence: str
    outputs: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    children: list[dict[str, Any]] = field(default_factory=list)
    environment: str | None = None
    git_commit: str | None = None
    studio_url: str | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None


def record_job(
    work: UnitOfWork,
    place: Place,
    name: str,
    *,
    model: str | None = None,
    submission: Submission | None = None,
) -> tuple[TrainingJob, bool]:
    """The record of the job of this name (they are unique in a workspace), and whether it is new. With a submission the job is still to be made in Azure ML."""
    known = find_job(work, place, name)
    if known is not None:
        return known, False
    job = TrainingJob(
        **place.model_dump(),
        name=name,
        model=model,
        status=SUBMITTING if submission else RECORDED,
        code="submitting" if submission else "recorded",
        sentence="Waiting to be submitted to Azure ML." if submission else "Recorded; not yet looked up in Azure ML.",
        bundle_digest=submission.bundle_digest if submission else None,
        entry=submission.entry if submission else None,
        environments=list(submission.environments) if submission else [],
        git=submission.git if submission else None,
        recorded_by=work.actor.name,
        created_at=work.now,
        next_poll_at=work.now,
    )
    work.add(job)
    work.flush()
    return job, True


def record_state(work: UnitOfWork, job: TrainingJob, sighting: JobState) -> bool:
    """Store what was seen; True when the status changed."""
    changed = (job.status, job.code) != (sighting.status, sighting.code)
    job.status = sighting.status
    job.is_final = sighting.is_final
    job.code = sighting.code
    job.sentence = sentence_of(sighting.sentence)
    job.outputs = sighting.outputs
    job.metrics = sighting.metrics
    job.children = sighting.children
    job.environment = sighting.environment
    job.git_commit = sighting.git_commit
    job.studio_url = sighting.studio_url
    job.started_at = sighting.started_at
    job.ended_at = sighting.ended_at
    job.checked_at = work.now
    job.unanswered = job.unanswered + 1 if sighting.code == NOT_SEEN else 0
    work.add(job)
    work.flush()
    return changed


def claim_poll(work: UnitOfWork, job: TrainingJob, *, poller: str) -> None:
    """Have this worker alone ask Azure ML. What another one left in the middle is as if there had been no answer."""
    job.unanswered += job.poller is not None
    job.poller = poller
    work.add(job)
    work.flush()


def schedule_poll(work: UnitOfWork, job: TrainingJob, *, at: datetime | None) -> None:
    """When Azure ML is asked next, by whichever worker; None: never again."""
    job.next_poll_at, job.poller = at, None
    work.add(job)
    work.flush()


def submit_again(work: UnitOfWork, job: TrainingJob, submission: Submission) -> None:
    """Let a job that was refused be made of something else: nothing of that name is in Azure."""
    job.bundle_digest, job.entry, job.environments = (
        submission.bundle_digest,
        submission.entry,
        list(submission.environments),
    )
    job.git, job.recorded_by, job.created_at, job.ended_at = submission.git, work.actor.name, work.now, None
    job.status, job.is_final, job.unanswered = SUBMITTING, False, 0
    job.code, job.sentence = "submitting", "Waiting to be submitted to Azure ML."
    schedule_poll(work, job, at=work.now)


def give_up_job(work: UnitOfWork, job: TrainingJob, *, code: str, sentence: str) -> str:
    """Give up a job that cannot be followed any more, keeping what is known of it; its status. One that has ended stays so."""
    if not job.is_final:
        job.status, job.is_final = REFUSED if job.status == SUBMITTING else LOST, True
        job.code, job.sentence, job.ended_at = code, sentence, job.ended_at or work.now
        schedule_poll(work, job, at=None)
    return job.status


def follow_again(work: UnitOfWork, job: TrainingJob) -> None:
    """Forget that Azure ML had no answer for this job: somebody says again that it is there."""
    job.status, job.is_final, job.unanswered = SUBMITTING if job.bundle_digest else RECORDED, False, 0
    job.code, job.sentence = "recorded", "Recorded again; not yet looked up in Azure ML."
    schedule_poll(work, job, at=work.now)


def find_job(session: Session, place: Place, name: str) -> TrainingJob | None:
    return session.exec(_NAMED, params={**place.model_dump(), "name": name}).first()
