"""Requests of people and CI: a release, a dry run, a training job. Each writes rows and queues work in one transaction."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import assert_never

from sqlmodel import Session

from app.definitions import queries as definitions
from app.definitions.schema import Definition, StageDefinition
from app.definitions.tables import DefinitionVersion
from app.errors import Conflict, Invalid
from app.guardrails.rules import job_site, sites_of
from app.identity.actor import forbidden
from app.identity.roles import Permission
from app.jobs.service import (
    COMPLETED,
    ENDED_IN_AZURE,
    REFUSED,
    SUBMITTING,
    Submission,
    find_job,
    follow_again,
    record_job,
    submit_again,
)
from app.jobs.tables import TrainingJob
from app.planning.places import Place
from app.planning.sources import JobSource, ModelSource, ReleaseSource
from app.releases.attested import definition_counts, row_digest
from app.releases.dry_runs import begin_dry_run
from app.releases.service import Request, create_release
from app.releases.tables import DryRun, Release
from app.releasing.guarding import require_allowed
from app.releasing.names import new_mark
from app.releasing.permissions import about_model
from app.releasing.sources import Wanted, require_earlier, require_right_to_model
from app.releasing.work import Work


@about_model(Permission.REQUEST)
def request_release(
    work: Work,
    model: str,
    *,
    source: Wanted,
    stages: Sequence[str] | None = None,
    definition_version: int | None = None,
    note: str | None = None,
) -> Release:
    """Ask for a release of this content. Raises NotFound (model, version, release), Invalid (stages), Conflict (what it comes from).

    What an earlier release released comes under that release's definition version, unless another is named: its code is content, too.
    """
    version, definition, chosen = _wanted_of(work, model, source, stages=stages, definition_version=definition_version)
    place = _place_of(work, definition)
    job = _job_to_release(work, place, source.job, model=model) if isinstance(source, JobSource) else None
    assert version.id is not None, "a stored definition has an id"
    release = create_release(
        work,
        Request(
            model=model,
            definition_id=version.id,
            definition_version=version.version,
            source=source,
            stages=chosen,
            job_id=None if job is None else job.id,
            note=note,
        ),
        mark=new_mark(),
    )
    work.queue.prepare_release(work, release.id)
    return release


@about_model(Permission.REQUEST)
def request_dry_run(
    work: Work,
    model: str,
    *,
    source: Wanted,
    stages: Sequence[str] | None = None,
    definition_version: int | None = None,
) -> DryRun:
    """Ask what a release would do. Raises as ``request_release`` does, except for the job, which is not recorded."""
    version, definition, chosen = _wanted_of(work, model, source, stages=stages, definition_version=definition_version)
    place = _place_of(work, definition)
    known = find_job(work, place, source.job) if isinstance(source, JobSource) else None
    if known is not None:
        _require_right(work, known, model=model)
    run = begin_dry_run(
        work,
        model=model,
        definition_version=version.version,
        source=source,
        stages=chosen,
    )
    work.queue.plan_dry_run(work, run.id)
    return run


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
    _require_on_record(work, latest)
    place = _place_of(work, Definition.model_validate(latest.content))
    return _have_recorded(work, place, name, model=model, submission=submission)


def _job_to_release(work: Work, place: Place, name: str, *, model: str) -> TrainingJob:
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
    _require_right(work, job, model=model)
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


def _place_of(work: Work, definition: Definition) -> Place:
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


def _require_right(work: Work, job: TrainingJob, *, model: str) -> None:
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


def definition_of(session: Session, release: Release) -> tuple[DefinitionVersion, Definition]:
    """The definition version that a release was asked under."""
    version = definitions.get(session, release.model, release.definition_version)
    _require_on_record(session, version)
    return version, Definition.model_validate(version.content)


def _require_on_record(session: Session, version: DefinitionVersion) -> None:
    subject = f"{version.model}@{version.version}"
    if not definition_counts(session, subject=subject, digest=row_digest(version)):
        raise Conflict(
            f"The event chain does not confirm version {version.version} of {version.model} as it is.",
            code="definition_not_on_record",
            hint="`mlrelease audit verify` shows what was changed past the service. Apply the definition again.",
        )


def _wanted_of(
    work: Work, model: str, source: Wanted, *, stages: Sequence[str] | None, definition_version: int | None
) -> tuple[DefinitionVersion, Definition, tuple[str, ...]]:
    """As ``wanted``, of this content: whose it is, and which registries it is deployed from."""
    match source:
        case JobSource():
            return wanted(work, model, stages=stages, definition_version=definition_version)
        case ModelSource():
            require_right_to_model(work, model, source)
            registry = source.version.registry
            reads = () if registry is None else (registry,)
            return wanted(work, model, stages=stages, definition_version=definition_version, reads=reads)
        case ReleaseSource():
            earlier, content = require_earlier(work, model, source)
            number = definition_version or earlier.definition_version
            found = wanted(work, model, stages=stages, definition_version=number, reads=content.registries)
            _require_same_origin(work, earlier, found[1])
            return found
        case _:
            assert_never(source)


def wanted(
    work: Work,
    model: str,
    *,
    stages: Sequence[str] | None,
    definition_version: int | None,
    reads: tuple[str, ...] = (),
) -> tuple[DefinitionVersion, Definition, tuple[str, ...]]:
    """The definition version that is meant, what it says, and the names of its stages that are meant."""
    visible = work.actor.models(Permission.VIEW)
    version = (
        definitions.latest(work, model, visible=visible)
        if definition_version is None
        else definitions.get(work, model, definition_version, visible=visible)
    )
    _require_on_record(work, version)
    definition = Definition.model_validate(version.content)
    chosen = tuple(stage.name for stage in _choose_stages(definition, stages))
    every = sites_of(definition, subscription=work.guardrails.subscription, reads=reads)
    sites = [site for site in every if site.stage in chosen]
    require_allowed([refusal for site in sites for refusal in work.guardrails.refusals(site)])
    return version, definition, chosen


def _require_same_origin(work: Work, earlier: Release, definition: Definition) -> None:
    """What was released is in the workspace of the first stage that the definition had."""
    _, before = definition_of(work, earlier)
    was, now = (each.stages[0].place(work.guardrails.subscription) for each in (before, definition))
    if was != now:
        raise Conflict(
            f"The content of {earlier.id} is in {was}, and this definition takes content from {now}.",
            code="content_in_another_workspace",
            hint=f"Use version {earlier.definition_version} of the definition, or release a registered model or a training job.",
        )


def _choose_stages(definition: Definition, wanted: Sequence[str] | None) -> list[StageDefinition]:
    if wanted is None:
        return list(definition.stages)
    known = [stage.name for stage in definition.stages]
    unknown = [name for name in wanted if name not in known]
    if unknown or not wanted:
        raise Invalid(
            f"{definition.model.name} has no stage {', '.join(unknown)}."
            if unknown
            else "The list of stages is empty.",
            code="stage_unknown",
            hint=f"Its stages: {', '.join(known)}.",
        )
    return [stage for stage in definition.stages if stage.name in wanted]
