"""Whether the guardrails allow a definition: its places, and who changes it."""

from collections.abc import Iterator

from app.bundles.store import load
from app.definitions.golden import count_golden_of
from app.definitions.queries import list_versions
from app.definitions.schema import Definition
from app.errors import NotFound
from app.guardrails.rules import Site, sites_of
from app.releasing.guarding import require_allowed
from app.releasing.work import Work


def require_applicable(work: Work, definition: Definition, *, bundle_digest: str) -> None:
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
