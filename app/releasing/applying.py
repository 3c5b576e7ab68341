"""Applying a definition, if the guardrails allow its places, and who changes it."""

from collections.abc import Iterator

from app.bundles.store import load
from app.definitions.golden import count_golden_of
from app.definitions.queries import list_versions
from app.definitions.schema import Definition
from app.definitions.service import Applied
from app.definitions.service import apply as store
from app.errors import NotFound
from app.guardrails.rules import Site, sites_of
from app.identity.actor import forbidden
from app.identity.roles import Permission
from app.releases.attested import ROW, row_digest
from app.releasing.guarding import require_allowed
from app.releasing.work import Work


def apply(work: Work, definition: Definition, *, bundle_digest: str, note: str | None = None) -> Applied:
    """Make it the newest of its model. Raises Forbidden."""
    model = definition.model.name
    require_admin(work, model)
    _require_applicable(work, definition, bundle_digest=bundle_digest)
    applied = store(work, definition, bundle_digest=bundle_digest, note=note)
    version = applied.definition
    if applied.created:
        told = {"version": version.version, "bundle": version.bundle_digest, "note": note, ROW: row_digest(version)}
        work.append_event("model.applied", subject=f"{model}@{version.version}", model=model, data=told)
    return applied


def require_admin(work: Work, model: str) -> None:
    """Raises Forbidden, also for a model that the actor may not see: they said its name themselves."""
    if not work.actor.may(Permission.ADMINISTER, model):
        raise forbidden(work.actor, Permission.ADMINISTER, model)


def _require_applicable(work: Work, definition: Definition, *, bundle_digest: str) -> None:
    """Raises Forbidden with everything that the guardrails refuse. Leaving a stage out is a change of it, too."""
    sites = sites_of(definition, subscription=work.guardrails.subscription)
    golden = None
    if any(map(work.guardrails.wants_golden_requests, sites)):
        golden = _golden_requests(work, definition, bundle_digest)
    refusals = [each for site in sites for each in work.guardrails.refusals(site, golden_requests=golden)]
    changed = dict.fromkeys([*sites, *_sites_before(work, definition.model.name)])
    refusals += [each for site in changed for each in work.guardrails.not_changed_by(site, work.actor)]
    require_allowed(list({(each.rule, each.sentence): each for each in refusals}.values()))


def _sites_before(work: Work, model: str) -> Iterator[Site]:
    try:
        newest = list_versions(work, model)[0]
    except NotFound:
        return
    yield from sites_of(Definition.model_validate(newest.content), subscription=work.guardrails.subscription)


def _golden_requests(work: Work, definition: Definition, bundle_digest: str) -> int:
    wanted = definition.checks.golden.removeprefix("./")
    return count_golden_of(load(work, bundle_digest), wanted)
