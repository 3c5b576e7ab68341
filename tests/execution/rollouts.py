"""Rollouts that wait for their turn, as the service would have queued them."""

from dataclasses import replace
from datetime import timedelta

from app.execution.context import WorkerContext
from app.identity.actor import Actor
from app.identity.roles import Grant, Role
from app.planning.places import Target
from app.planning.sources import read_source
from app.releases.attempts import begin_attempt
from app.releases.planning import plan_release
from app.releases.service import Request, create_release
from app.releases.tables import Release
from app.releasing.work import Work
from tests.planning.examples import CONTENT, a_plan

ANNA = Actor(name="anna", via="cli", grants=(Grant(Role.ADMIN),))
TARGET = "sub/rg/ws/dev"


def queue_rollout(
    worker: WorkerContext,
    *,
    target: str = TARGET,
    timeout: timedelta = timedelta(hours=100),
    key_suffix: str = "",
    traceparent: str | None = None,
) -> str:
    """A rollout of a release of its own that waits for its turn. ``key_suffix``: of every step's key."""
    with Work(worker.releasing, replace(ANNA, traceparent=traceparent)).transaction() as work:
        first = work.get_one(Release, "churn-1")
        asked = Request("churn", first.definition_id, 1, read_source(first.source), ("dev",), job_id=first.job_id)
        release = create_release(work, asked, mark="abcd")
        at = Target.parse(target)
        plan = a_plan("dev", endpoint=at.endpoint, target=at.place.model_dump())
        steps = tuple(
            each.model_copy(
                update={
                    "key": each.key + key_suffix,
                    "needs": tuple(need + key_suffix for need in each.needs),
                    "timeout_seconds": timeout.total_seconds(),
                }
            )
            for each in plan.steps
        )
        (rollout,) = plan_release(work, release, CONTENT, [plan.model_copy(update={"steps": steps})])
        begin_attempt(work, rollout)
        work.queue.move_target(work, target)
        return rollout.id
