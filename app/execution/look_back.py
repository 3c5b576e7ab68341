"""Preparing to go back: the content is on record, so only the target is looked at, and whether a deployment of it is still there."""

from collections.abc import Callable, Mapping
from dataclasses import replace

from sqlmodel import Session

from app.definitions import queries as definitions
from app.definitions.schema import Definition
from app.execution.context import WorkerContext
from app.execution.resolve_and_preflight import Findings, OnRetry, Subject, carry_out_look
from app.execution.signals import ReleaseSignals
from app.planning.checks import Check
from app.planning.observed import DeploymentFacts
from app.planning.plan import Plan
from app.planning.policy import ApprovalSection
from app.planning.purpose import Purpose
from app.planning.sources import ReleaseSource
from app.preflight.look_at_target import TargetSeen, TargetWanted
from app.releasing.earlier_content import Earlier, read_earlier
from app.serving.drift import changes
from app.serving.queries import deployed_at
from app.serving.scans import changed_at
from app.strategies.rollback import plan_rollback
from app.strategies.rollouts import ReleaseFacts

Planner = Callable[[ReleaseFacts], list[Plan]]


def look_back(
    worker: WorkerContext, subject: Subject, purpose: Purpose, *, signals: ReleaseSignals, on_retry: OnRetry
) -> tuple[Findings, Planner]:
    """What was found, and how it becomes a plan. Raises Interrupted, or AzureMLError when Azure does not answer."""
    (stage,) = subject.stages
    assert isinstance(subject.source, ReleaseSource), "what goes back has what an earlier release brought"
    source = subject.source.release
    earlier = worker.read(lambda session: read_earlier(session, source, stage))
    wanted = TargetWanted(target=earlier.plan.target.target, model=earlier.plan.model.name, stage=stage)
    seen = carry_out_look(
        worker,
        subject,
        lambda context: worker.lookups.look_at_target(context, wanted),
        signals=signals,
        on_retry=on_retry,
    )
    target = str(earlier.plan.target.target)
    changed = worker.read(lambda session: changed_at(session, target)) if purpose is Purpose.REVERT else set()
    recorded = worker.read(lambda session: {each.name: each.read() for each in deployed_at(session, target)})
    reusable = _reusable(earlier, recorded, seen, changed)
    approval = worker.read(lambda session: _approval_now(session, worker, subject, earlier.plan, purpose))

    def plan(facts: ReleaseFacts) -> list[Plan]:
        there = replace(facts, subscription=earlier.plan.target.subscription)
        return [plan_rollback(subject.definition, stage, there, purpose=purpose, approval=approval, reusable=reusable)]

    checks = [seen.check, _say(stage, earlier, seen, reusable)] if seen.check.outcome == "passed" else [seen.check]
    golden_requests = None if earlier.plan.checks is None else earlier.plan.checks.golden_requests
    return Findings(earlier.content, checks, golden_requests), plan


def _reusable(
    earlier: Earlier, recorded: Mapping[str, DeploymentFacts], seen: TargetSeen, changed: set[str]
) -> DeploymentFacts | None:
    """The newest that is still there as it was made, with the settings that people adopted since: those are ``recorded``.

    ``changed``: those that are not taken, as something else of them is to be as it was, too.
    """
    for made in earlier.made:
        now, record = seen.usable.get(made.name), recorded.get(made.name)
        if record is not None:
            adopted = {"environment_variables": record.environment_variables, "settings": record.settings}
            made = made.model_copy(update=adopted)
        if now is not None and made.name not in changed and not changes(made, now):
            return made
    return None


def _say(stage: str, earlier: Earlier, seen: TargetSeen, reusable: DeploymentFacts | None) -> Check:
    there = [each.name for each in earlier.made if each.name in seen.usable]
    if reusable is not None:
        said = f"Deployment {reusable.name} of {reusable.release} is still there."
    elif there:
        said = f"Deployment {there[0]} of {earlier.plan.release} was changed by others: one is made anew."
    else:
        said = f"No deployment of {earlier.plan.release} is left: one is made anew."
    return Check(stage=stage, check="deployment", outcome="passed", code="passed", sentence=said)


def _approval_now(
    session: Session, worker: WorkerContext, subject: Subject, plan: Plan, purpose: Purpose
) -> ApprovalSection | None:
    """As the newest definition has it: what the one of back then asked for may have been thought better of since.

    Where the newest has no such stage any more, as the one of back then has it.
    """
    newest = Definition.model_validate(definitions.latest(session, plan.model.name).content)
    for stage in newest.stages:
        if str(stage.target(worker.settings.subscription)) == str(plan.target.target):
            return stage.policy(purpose)
    return subject.definition.stage(plan.stage).policy(purpose)
