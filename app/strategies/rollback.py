"""The strategy rollback: one stage goes back to what it served before. Pure.

A deployment that is still there is found as it is on record, asked the golden requests, and gets the traffic. One that is gone is made
anew, as a release of the same content would make it. Nothing is deleted: what serves now may be wanted again.
"""

from collections.abc import Mapping, Sequence

from app.definitions.schema import Definition
from app.planning.kinds import RetireDeployments, ReuseDeployment, VerifyDeployment
from app.planning.observed import DeploymentFacts
from app.planning.plan import Plan, PlannedTraffic
from app.planning.policy import ApprovalSection
from app.planning.purpose import Purpose
from app.planning.steps import PlannedStep
from app.strategies.rollouts import ReleaseFacts, plan_rollouts


def plan_rollback(
    definition: Definition,
    stage: str,
    facts: ReleaseFacts,
    *,
    purpose: Purpose,
    approval: ApprovalSection | None,
    reusable: DeploymentFacts | None,
) -> Plan:
    """``facts`` are of the release that asks, with the earlier release's content. ``approval``: whom going back is asked of.

    ``reusable``: a deployment that an earlier release made, as the record of its making has it.
    """
    (plan,) = plan_rollouts(definition, [stage], facts, gradually=False)
    assert plan.deployment is not None, "a release makes one"
    least = plan.deployment.instance_count
    steps = _making_anew(plan.steps) if reusable is None else _reusing(plan, reusable, least=least)
    name = plan.deployment.name if reusable is None else reusable.name
    return plan.model_copy(
        update={
            "purpose": purpose,
            "after": None,
            "approval": approval,
            "deployment": plan.deployment.model_copy(update={"name": name}),
            "traffic": (PlannedTraffic(deployment=name, percent=100, after=VerifyDeployment.kind),),
            "steps": tuple(steps),
        }
    )


def _making_anew(steps: Sequence[PlannedStep]) -> list[PlannedStep]:
    """As a release does, but for the deletion of earlier deployments."""
    (retire,) = (each for each in steps if isinstance(each.config, RetireDeployments))
    return [_needing(each, {retire.key: retire.needs}) for each in steps if each is not retire]


def _reusing(plan: Plan, reusable: DeploymentFacts, *, least: int) -> list[PlannedStep]:
    """In place of all that makes a deployment, it is found; then it is verified and serves as a new one does."""
    steps = plan.steps
    (verify,) = (each.config for each in steps if isinstance(each.config, VerifyDeployment))
    reuse = PlannedStep.of(
        ReuseDeployment(
            workspace=verify.workspace,
            endpoint=verify.endpoint,
            deployment=reusable.name,
            owner=plan.model.name,
            recorded=reusable,
            instances=least,
            digest=verify.digest,
        )
    )
    kinds = [each.kind for each in steps]
    made = {each.key: (reuse.key,) for each in steps[: kinds.index(VerifyDeployment.kind)]}
    after = [_needing(each, made) for each in _making_anew(steps) if each.key not in made]
    return [reuse, *(_about(each, reusable.name, made_by=reuse.key) for each in after)]


def _about(step: PlannedStep, deployment: str, *, made_by: str) -> PlannedStep:
    """The same step of another deployment."""
    about = {"deployment": deployment, "made_by": made_by}
    of_it = {field: value for field, value in about.items() if field in type(step.config).model_fields}
    return step.model_copy(update={"config": step.config.model_copy(update=of_it)})


def _needing(step: PlannedStep, instead: Mapping[str, tuple[str, ...]]) -> PlannedStep:
    """The same step, needing others in place of some that are left out."""
    needs = dict.fromkeys(other for need in step.needs for other in instead.get(need, (need,)))
    return step.model_copy(update={"needs": tuple(needs)})
