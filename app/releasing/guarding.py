"""Who must approve a rollout, whatever its definition says: guardrails, and the policies that held there before.

A definition that asks for less than one before it asked does not decide that by itself. Whoever must approve a rollout is whoever
its own definition names, the guardrails name, what was last released to this target named, and each version of the model's definition
named since then for this target, stage or Key Vault. Once a rollout has succeeded there under all of that, only what its definition says is left
of the past. Emergencies change nothing: what was begun by breaking the glass was not approved.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from sqlmodel import Session, col, func, select

from app.definitions.schema import StageDefinition
from app.definitions.tables import DefinitionVersion
from app.errors import Conflict, Forbidden
from app.guardrails.policies import Policy, stricter, weaker_in
from app.guardrails.rules import Guardrails, Refusal, Site, job_site, say_all, site_of
from app.planning.assets import registry_of
from app.planning.kinds import FindModel, RegisterModel
from app.planning.places import Place
from app.planning.plan import Plan, Raised, RaisedPolicy
from app.planning.policy import ApprovalSection
from app.planning.purpose import Purpose
from app.releases.attested import attested_definitions, row_digest
from app.releases.states import Status
from app.releases.tables import Release, Rollout, StoredPlan


@dataclass(frozen=True)
class Demanded:
    """Who must approve; ``raised`` says by what the definition's own policy was raised, and in which dimensions."""

    policy: Policy
    raised: tuple[Raised, ...]


def guarded(session: Session, guardrails: Guardrails, plan: Plan) -> Plan:
    """The plan, with whoever must approve it as things are now, and the rules that hold there."""
    site = site_in(plan)
    demanded = demands_on(session, guardrails, site, plan.declared, plan.purpose)
    raised = RaisedPolicy(declared=plan.declared, raised=demanded.raised) if demanded.raised else None
    return plan.model_copy(
        update={"approval": demanded.policy, "policy": raised, "guardrails": tuple(guardrails.shown(site))}
    )


def demands_on(
    session: Session, guardrails: Guardrails, site: Site, declared: Policy, purpose: Purpose = Purpose.RELEASE
) -> Demanded:
    """What a stage must ask for at least, beside what it asks for itself."""
    policy: Policy = declared
    raised: list[Raised] = []
    for by, least in (
        *((f"guardrail {name!r}", least) for name, least in guardrails.least_policies(site, purpose)),
        *_before(session, guardrails, site, purpose),
    ):
        weaker = weaker_in(policy, least)
        if weaker:
            raised.append(Raised(by=by, dimensions=tuple(weaker)))
            policy = stricter(policy, least)
    return Demanded(policy, tuple(raised))


def refusals_of(guardrails: Guardrails, plan: Plan) -> list[Refusal]:
    """What the guardrails, as they are now, refuse of a plan."""
    model = plan.model.name
    # What served before was released under the rules for golden requests of its time.
    golden_requests = None if plan.purpose.goes_back or plan.checks is None else plan.checks.golden_requests
    return [
        *guardrails.refusals(site_in(plan), golden_requests=golden_requests),
        *(
            each
            for source in _sources_in(plan)
            for each in guardrails.job_refusals(job_site(model=model, place=source))
        ),
    ]


def require_allowed(refusals: list[Refusal]) -> None:
    """Raises Forbidden with all of them."""
    if refusals:
        raise Forbidden(
            say_all(refusals),
            code="guardrail_refused",
            hint="Ask the people who maintain guardrails.yml.",
            refusals=[vars(each) for each in refusals],
        )


def site_in(plan: Plan) -> Site:
    """Where a plan goes."""
    return Site(
        model=plan.model.name,
        stage=plan.stage,
        place=plan.target.place,
        endpoint=plan.target.endpoint,
        registry=plan.target.registry,
        key_vault=plan.target.key_vault,
        reads=tuple(_registries_in(plan)),
    )


def _sources_in(plan: Plan) -> Iterator[Place]:
    """The workspace that a plan takes the model from: it registers it there, or finds it."""
    for step in plan.steps:
        if isinstance(step.config, RegisterModel) or (isinstance(step.config, FindModel) and not step.config.registry):
            yield step.config.workspace


def _registries_in(plan: Plan) -> Iterator[str]:
    """The registries that a plan takes the model or the environment from."""
    for step in plan.steps:
        if isinstance(step.config, FindModel) and step.config.registry is not None:
            yield step.config.registry
    environment = None if plan.environment is None else registry_of(plan.environment.id)
    if environment is not None:
        yield environment


def _before(
    session: Session, guardrails: Guardrails, site: Site, purpose: Purpose
) -> Iterator[tuple[str, ApprovalSection]]:
    """By what, and whom: the policies that held for this stage before, the last released one first."""
    last = None if purpose is Purpose.ROLLBACK else _last_success(session, site.target)
    if last is not None:
        declared = session.get_one(StoredPlan, last.plan_digest).read().declared
        if declared is not None:
            yield f"{last.release_id}, which was released there", declared
    stages = list(_stages(session, guardrails, site.model, purpose))
    asking = [(version, _keys(other) & _keys(site), policy) for version, other, policy in stages if policy is not None]
    if not any(shared for _, shared, _ in asking):
        return  # no version ever asked anybody here
    released = _released(session, site.model, stages)
    for version, shared, policy in asking:
        since = [released.get(key) for key in shared]
        if any(each is not None and version >= each for each in since):
            yield f"version {version} of the definition", policy


def _keys(site: Site) -> set[tuple[str, str]]:
    """What makes two stages the same: what the team calls them, what they move, or where callers get its address from."""
    vault = {("key_vault", site.key_vault.lower())} if site.key_vault else set()
    return {("stage", site.stage), ("target", site.target), *vault}


def _stages(
    session: Session, guardrails: Guardrails, model: str, purpose: Purpose
) -> Iterator[tuple[int, Site, Policy]]:
    """The stages of all versions of the model's definition, the newest first."""
    query = select(DefinitionVersion).where(DefinitionVersion.model == model)
    versions = session.exec(query.order_by(col(DefinitionVersion.version).desc())).all()
    on_record = attested_definitions(session, model) if versions else ()
    for version in versions:
        if version.content and row_digest(version) not in on_record:
            raise Conflict(
                f"The event chain does not confirm version {version.version} of {model} as it is.",
                code="definition_not_on_record",
                hint="`mlrelease audit verify` shows what was changed past the service.",
            )
        for written in version.content.get("stages", ()):
            stage = StageDefinition.model_validate(written)
            yield (
                version.version,
                site_of(stage, model=model, subscription=guardrails.subscription),
                stage.policy(purpose),
            )


def _released(session: Session, model: str, stages: list[tuple[int, Site, Policy]]) -> dict[tuple[str, str], int]:
    """By stage, target and Key Vault: the version under which the model last got there."""
    known = {(version, site.stage): site for version, site, _ in stages}
    query = select(Release.definition_version, Rollout.stage, Rollout.target, func.max(Rollout.finished_at))
    query = query.join(Rollout, col(Rollout.release_id) == col(Release.id)).where(Release.model == model, *_APPROVED)
    rows = session.exec(query.group_by(col(Release.definition_version), col(Rollout.stage), col(Rollout.target))).all()
    found: dict[tuple[str, str], int] = {}
    for version, stage, target, _ in sorted(rows, key=lambda row: str(row[3])):  # what came later counts
        site = known.get((version, stage))
        keys = {("stage", stage), ("target", target.lower())} | (_keys(site) if site is not None else set())
        found |= dict.fromkeys(keys, version)
    return found


def _last_success(session: Session, target: str) -> Rollout | None:
    query = select(Rollout).join(Release, col(Release.id) == col(Rollout.release_id))
    query = query.where(Rollout.target == target, *_APPROVED).order_by(col(Rollout.finished_at).desc())
    return session.exec(query.limit(1)).first()


# Not what went back: it was not asked of those who approve releases.
_APPROVED = (
    col(Rollout.status) == Status.SUCCEEDED,
    col(Rollout.emergency).is_(False),
    col(Release.purpose) == Purpose.RELEASE,
)
