"""Storing what a release will do: once, before anything starts, so that later definitions do not change it."""

from collections.abc import Sequence

from app.database.storable import storable_json
from app.events.work import UnitOfWork
from app.planning.checks import Check
from app.planning.content import Content
from app.planning.ids import rollout_id_of, step_id_of
from app.planning.plan import Plan
from app.planning.steps import PlannedStep
from app.releases.plans import digest_of, document_of
from app.releases.service import record
from app.releases.states import Status, StepStatus
from app.releases.tables import Release, Rollout, StepRun, StoredPlan


def plan_release(
    work: UnitOfWork,
    release: Release,
    content: Content | None,
    plans: Sequence[Plan],
) -> list[Rollout]:
    """Store what exactly is released and what each stage will do; copies, so that nothing changes it later.

    ``content`` None: what is at a target is taken in as it is.
    """
    release.content = None if content is None else storable_json(content.model_dump(mode="json"))
    rollouts = []
    for position, plan in enumerate(plans):
        rollout = Rollout(
            id=rollout_id_of(release.id, plan.stage),
            release_id=release.id,
            stage=plan.stage,
            position=position,
            target=str(plan.target.target),
            endpoint=plan.target.endpoint,
            workspace=plan.target.workspace,
            deployment=None if plan.deployment is None else plan.deployment.name,
            needs_approval=plan.approval is not None,
            plan_digest=_keep_plan(work, plan),
            status=Status.PENDING,
            code="waits_for_earlier_stage" if position else "planned",
            sentence="Waiting for the previous stage." if position else "Planned.",
        )
        work.add(rollout)
        work.flush()
        work.add_all(_step_run(rollout, step, position=place) for place, step in enumerate(plan.steps))
        rollouts.append(rollout)
    work.flush()
    plan_data = {"content": release.content, "plan_digests": {each.stage: each.plan_digest for each in rollouts}}
    record(work, release, "release.planned", subject=release.id, data=plan_data)
    return rollouts


def keep_checks(work: UnitOfWork, release: Release, checks: Sequence[Check]) -> None:
    """Store what was found before it was planned, well or not."""
    release.checks = storable_json([each.model_dump(mode="json") for each in checks])
    record(work, release, "release.checked", subject=release.id, data={"checks": release.checks})


def replan(work: UnitOfWork, rollout: Rollout, plan: Plan) -> None:
    """Give a rollout another plan document, which may ask for people where the one before did not."""
    rollout.needs_approval = plan.approval is not None
    rollout.plan_digest = _keep_plan(work, plan)
    work.add(rollout)
    work.flush()


def _keep_plan(work: UnitOfWork, plan: Plan) -> str:
    """Its digest. A plan that is there already is the same: it is found by its content."""
    document = document_of(plan)  # what is stored is what people approve
    digest = digest_of(document)
    if work.get(StoredPlan, digest) is None:
        work.add(StoredPlan(digest=digest, document=document))
        work.flush()
    return digest


def _step_run(rollout: Rollout, step: PlannedStep, *, position: int) -> StepRun:
    return StepRun(
        id=step_id_of(rollout.id, step.key),
        rollout_id=rollout.id,
        key=step.key,
        position=position,
        status=StepStatus.PENDING,
        code="planned",
        sentence="Planned.",
    )
