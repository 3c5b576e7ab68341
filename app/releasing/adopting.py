"""Adoption: an endpoint that others made, or changed, is taken on record as it is. That is a release of one stage with a plan of its own."""

from app.identity.roles import Permission
from app.planning.purpose import Purpose
from app.planning.sources import EndpointSource
from app.releases.dry_runs import begin_dry_run
from app.releases.service import Request, create_release
from app.releases.tables import DryRun, Release
from app.releasing.names import new_mark
from app.releasing.permissions import about_model
from app.releasing.requests import wanted
from app.releasing.work import Work


@about_model(Permission.REQUEST)
def look_before_adoption(work: Work, model: str, *, stage: str) -> DryRun:
    """Ask what is at a stage's endpoint, and what would stop its adoption. Raises NotFound (model), Invalid (stage), Forbidden."""
    version, definition, chosen = wanted(work, model, stages=[stage], definition_version=None)
    endpoint = definition.stage(stage).endpoint
    run = begin_dry_run(
        work,
        model=model,
        definition_version=version.version,
        source=EndpointSource(endpoint=endpoint),
        stages=chosen,
    )
    work.queue.plan_dry_run(work, run.id)
    return run


@about_model(Permission.REQUEST)
def adopt(work: Work, model: str, *, stage: str, seen: str | None = None, note: str | None = None) -> Release:
    """Ask that what is at a stage's endpoint be taken on record. ``seen``: the digest of what was shown before.

    Raises NotFound (model), Invalid (stage), Forbidden. Whether it can be adopted is looked up by a worker.
    """
    version, definition, chosen = wanted(work, model, stages=[stage], definition_version=None)
    endpoint = definition.stage(stage).endpoint
    assert version.id is not None, "a stored definition has an id"
    release = create_release(
        work,
        Request(
            model=model,
            definition_id=version.id,
            definition_version=version.version,
            source=EndpointSource(endpoint=endpoint, digest=seen),
            stages=chosen,
            purpose=Purpose.ADOPTION,
            note=note,
        ),
        mark=new_mark(),
    )
    work.queue.prepare_release(work, release.id)
    return release
