"""Training jobs of people and CI: recorded or submitted in the workspace of a model's first stage, and watched to their end."""

from dataclasses import asdict

from app.definitions import queries as definitions
from app.definitions.schema import Definition
from app.errors import Conflict, Invalid
from app.guardrails.rules import job_site
from app.identity.actor import forbidden
from app.identity.roles import Permission
from app.jobs.service import (
    COMPLETED,
    ENDED_IN_AZURE,
    REFUSED,
    SUBMITTING,
    Submission,
    follow_again,
    record_job,
    submit_again,
)
from app.jobs.tables import TrainingJob
from app.planning.places import Place
from app.releasing.definition_on_record import require_on_record
from app.releasing.guarding import require_allowed
from app.releasing.permissions import about_model
from app.releasing.work import Work


@about_model(Permission.REQUEST)
def request_job(
    work: Work,
    model: str,
    *,
    name: str,
    submission: Submission | None = None,
) -> TrainingJob:
    """Record a training job in the workspace of the model's first stage, and have it watched to its end.

    A submission's folder was checked before (``jobs.folder``): that takes too long for a transaction. Raises NotFound (model) or
    Conflict (the name is another job's).
    """
    latest = definitions.latest(work, model, visible=work.actor.models(Permission.VIEW))
    require_on_record(work, latest)
    place = place_of_jobs(work, Definition.model_validate(latest.content))
    return _have_recorded(work, place, name, model=model, submission=submission)


def job_to_release(work: Work, place: Place, name: str, *, model: str) -> TrainingJob:
    """The training job of this name, recorded and watched, which may still run. Raises Conflict where it gives no model."""
    job = _have_recorded(work, place, name, model=model)
    if job.is_final and job.status != COMPLETED:
        raise Conflict(
            f"The training job {name} is {job.status.lower()} and has no model to release. {job.sentence}",
            code="job_failed",
            hint="Release the output of a job that completed.",
        )
    if job.status == SUBMITTING:
        raise Conflict(
            f"The training job {name} has not been submitted to Azure ML yet and has no model to release.",
            code="job_not_finished",
            hint="Release it once it has completed.",
        )
    return job


def _have_recorded(
    work: Work, place: Place, name: str, *, model: str, submission: Submission | None = None
) -> TrainingJob:
    """The training job of this name, recorded and watched."""
    job, is_new = record_job(
        work,
        place,
        name,
        model=model,
        submission=submission,
    )
    require_right_to_job(work, job, model=model)
    if is_new:
        assert job.id is not None, "a stored job has an id"
        work.append_event(
            "job.submitted" if submission else "job.recorded",
            subject=f"{place.workspace}/{name}",
            model=model,
            data=asdict(submission) if submission else {},
        )
    elif submission is not None and job.status == REFUSED and job.model == model:
        _submit_again(work, job, submission)
    elif job.is_final and job.status not in ENDED_IN_AZURE:
        follow_again(work, job)
    if submission is not None and submission.bundle_digest != job.bundle_digest:
        raise Conflict(
            f"There is a training job {name} already, made of something else.",
            code="job_name_taken",
            hint="Choose another name, or omit it to get a new one.",
        )
    return job


def _submit_again(work: Work, job: TrainingJob, submission: Submission) -> None:
    submit_again(work, job, submission)
    work.append_event(
        "job.submitted",
        subject=f"{job.workspace}/{job.name}",
        model=job.model,
        data=asdict(submission),
    )


def place_of_jobs(work: Work, definition: Definition) -> Place:
    """Where a model's training jobs are: in the workspace of its definition's first stage."""
    first = definition.stages[0]
    place = first.place(work.guardrails.subscription)
    site = job_site(model=definition.model.name, place=place)
    require_allowed(list(work.guardrails.job_refusals(site)))
    if not place.subscription:
        raise Invalid(
            f"No subscription is known for stage {first.name} of {definition.model.name}.",
            code="subscription_missing",
            hint="Set `subscription` in the stage, or MLRELEASE_SUBSCRIPTION.",
        )
    return place


def require_right_to_job(work: Work, job: TrainingJob, *, model: str) -> None:
    """A job that was recorded for another model is that team's: it takes the right to ask for releases of both.

    Raises Conflict where the other model is hidden, else Forbidden.
    """
    if job.model is None or job.model == model or work.actor.may(Permission.REQUEST, job.model):
        return
    if work.actor.may(Permission.VIEW, job.model):
        raise forbidden(work.actor, Permission.REQUEST, job.model)
    raise Conflict(
        f"The training job {job.name} belongs to another model than {model}.",
        code="job_of_another_model",
        hint="Use a job of this model.",
    )
