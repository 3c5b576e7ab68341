"""Requests of people and CI: a release, a dry run. Each writes rows and queues work in one transaction."""

from collections.abc import Sequence
from typing import assert_never

from app.definitions import queries as definitions
from app.definitions.schema import Definition, StageDefinition
from app.definitions.tables import DefinitionVersion
from app.errors import Conflict, Invalid
from app.guardrails.rules import sites_of
from app.identity.roles import Permission
from app.jobs.service import find_job
from app.planning.sources import JobSource, ModelSource, ReleaseSource
from app.releases.dry_runs import begin_dry_run
from app.releases.service import Request, create_release
from app.releases.tables import DryRun, Release
from app.releasing.definition_on_record import definition_of, require_on_record
from app.releasing.guarding import require_allowed
from app.releasing.names import new_mark
from app.releasing.permissions import about_model
from app.releasing.sources import Wanted, require_earlier, require_right_to_model
from app.releasing.training_jobs import job_to_release, place_of_jobs, require_right_to_job
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
    place = place_of_jobs(work, definition)
    job = job_to_release(work, place, source.job, model=model) if isinstance(source, JobSource) else None
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
    place = place_of_jobs(work, definition)
    known = find_job(work, place, source.job) if isinstance(source, JobSource) else None
    if known is not None:
        require_right_to_job(work, known, model=model)
    run = begin_dry_run(
        work,
        model=model,
        definition_version=version.version,
        source=source,
        stages=chosen,
    )
    work.queue.plan_dry_run(work, run.id)
    return run


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
    require_on_record(work, version)
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
