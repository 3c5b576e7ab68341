"""Plans, approvals and rejections over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field
from sqlmodel import Session

from app.api.bodies import Body
from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.permissions import Viewer, may
from app.api.plan_views import PlanView
from app.api.release_views import ReleaseDetail
from app.api.releases import whole_release
from app.api.service import Api
from app.approvals.service import expiry_of
from app.identity.actor import Actor
from app.releases.queries import get_rollout, plan_of
from app.releasing import decisions
from app.releasing.work import Work
from app.serving.queries import replaced_plan, serving_now

router = APIRouter(prefix="/v1/releases/{release_id}/rollouts/{stage}", tags=["approvals"])


class Approval(Body):
    """An approval of one plan."""

    plan_digest: str = Field(
        min_length=1,
        max_length=255,
        description="digest of the plan that you saw; if the plan is another one by now, the request is refused (409)",
    )
    reason: str = Field(default="", max_length=1000, examples=["Accuracy is better than last week's."])
    emergency: bool = Field(
        default=False, description="use break-glass as the stage's policy allows: bypass approvals, freezes and holds"
    )


class Rejection(Body):
    """A rejection."""

    reason: str = Field(default="", max_length=1000, examples=["Accuracy is too low."])
    plan_digest: str | None = Field(
        default=None,
        max_length=255,
        description="digest of the plan that you saw; if the plan is another one by now, the request is refused (409)",
    )


@router.get("/plan", responses=refusals(404), summary="A rollout's plan, and what it changes")
def get_plan(api: Api, _who: Viewer, release_id: str, stage: str) -> PlanView:
    """The plan that an approval is bound to by its digest, the difference to what it replaces, and what serves now."""

    def query(session: Session) -> PlanView:
        rollout = get_rollout(session, release_id, stage)
        plan = plan_of(session, rollout)
        return PlanView.of(
            rollout,
            plan,
            replaced=replaced_plan(session, plan),
            serves=serving_now(session, rollout.target),
            expires_at=expiry_of(rollout, plan),
        )

    return api.read(query)


@router.post(
    "/approve",
    response_model=ReleaseDetail,
    responses=refusals(403, 404, 409, 413),
    summary="Approve a rollout that waits",
)
def approve_rollout(
    once: Once, who: Annotated[Actor, may(decisions.approve)], release_id: str, stage: str, body: Approval
) -> Response:
    """The last approval that the policy needs queues the rollout at once. Until then `missing` says what is still needed.

    If the plan is not `plan_digest` any more, nothing is approved, and `changes` says what changed.
    """

    def act(work: Work) -> Answer:
        decisions.approve(work, release_id, stage, **body.model_dump())
        return Answer(200, whole_release(work, release_id))

    return once(who, act, body=body)


@router.post(
    "/reject",
    response_model=ReleaseDetail,
    responses=refusals(403, 404, 409, 413),
    summary="Reject a rollout that waits, which ends the release",
)
def reject_rollout(
    once: Once, who: Annotated[Actor, may(decisions.reject)], release_id: str, stage: str, body: Rejection
) -> Response:
    """A rejection needs a reason (else 422): the requester reads it."""

    def act(work: Work) -> Answer:
        decisions.reject(work, release_id, stage, **body.model_dump())
        return Answer(200, whole_release(work, release_id))

    return once(who, act, body=body)
