"""Storing what a release will do: once, before anything starts, so that later definitions do not change it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.database.storable import storable_json
from app.events.work import UnitOfWork
from app.planning.plan import PlannedStep
from app.releases.plans import digest_of
from app.releases.service import record
from app.releases.states import Status, StepStatus
from app.releases.tables import Plan, Release, Rollout, StepRun

Json = dict[str, Any]


@dataclass(frozen=True)
class PlannedRollout:
    """What one stage of a release will do."""

    stage: str
    target: str
    endpoint: str
    workspace: str
    deployment: str
    plan: Json  # for people; ``approval`` in it is who must approve, None: nobody need
    steps: tuple[PlannedStep, ...]


def plan_release(
    work: UnitOfWork,
    release: Release,
    content: Json,
    plans: Sequence[PlannedRollout],
) -> list[Rollout]:
    """Store what exactly is released and what each stage will do; copies, so that nothing changes it later."""
    release.content = content
    rollouts = []
    for position, plan in enumerate(plans):
        rollout = Rollout(
            id=f"{release.id}:{plan.stage}",
            release_id=release.id,
            stage=plan.stage,
            position=position,
            target=plan.target,
            endpoint=plan.endpoint,
            workspace=plan.workspace,
            deployment=plan.deployment,
            needs_approval=plan.plan["approval"] is not None,
            plan_digest=_keep_plan(work, {"replaces": None, **plan.plan}),
            status=Status.PENDING,
            code="waits_for_earlier_stage" if position else "planned",
            sentence="Waiting for the previous stage." if position else "Planned.",
        )
        work.add(rollout)
        work.flush()
        work.add_all(_step_run(rollout, step, position=place) for place, step in enumerate(plan.steps))
        rollouts.append(rollout)
    work.flush()
    plan_data = {"content": content, "plan_digests": {each.stage: each.plan_digest for each in rollouts}}
    record(work, release, "release.planned", subject=release.id, data=plan_data)
    return rollouts


def keep_checks(work: UnitOfWork, release: Release, checks: list[Json]) -> None:
    """Store what was found before it was planned, well or not."""
    release.checks = checks
    record(work, release, "release.checked", subject=release.id, data={"checks": checks})


def replan(work: UnitOfWork, rollout: Rollout, plan: Json) -> None:
    """Give a rollout another plan document, which may ask for people where the one before did not."""
    rollout.needs_approval = plan["approval"] is not None
    rollout.plan_digest = _keep_plan(work, plan)
    work.add(rollout)
    work.flush()


def _keep_plan(work: UnitOfWork, plan: Json) -> str:
    """Its digest. A plan that is there already is the same: it is found by its content."""
    plan = storable_json(plan)  # what is stored is what people approve
    digest = digest_of(plan)
    if work.get(Plan, digest) is None:
        work.add(Plan(digest=digest, document=plan))
        work.flush()
    return digest


def _step_run(rollout: Rollout, step: PlannedStep, *, position: int) -> StepRun:
    return StepRun(
        id=f"{rollout.id}:{step.key}",
        rollout_id=rollout.id,
        key=step.key,
        kind=step.kind,
        position=position,
        needs=list(step.needs),
        config=step.config.model_dump(mode="json"),
        timeout_seconds=step.timeout_seconds,
        status=StepStatus.PENDING,
        code="planned",
        sentence="Planned.",
    )
