"""Looking at a plan, approving and rejecting it over HTTP."""

from collections.abc import Callable
from dataclasses import replace

from fastapi import APIRouter, Response
from pydantic import Field
from sqlmodel import Session

from app.api.bodies import Body
from app.api.documentation import refusals
from app.api.idempotency import Answer, IdempotencyKey, once
from app.api.permissions import Approver, Viewer
from app.api.plan_views import PlanView
from app.api.release_views import ReleaseDetail
from app.api.releases import whole_release
from app.api.service import Api, Service
from app.approvals.service import expiry_of
from app.database.clock import database_now
from app.identity.actor import Actor
from app.releases.queries import get_rollout, plan_of, served_plan
from app.releases.tables import Rollout
from app.releasing import decisions
from app.releasing.requests import Asking

router = APIRouter(prefix="/v1/releases/{release_id}/rollouts/{stage}", tags=["approvals"])

Decide = Callable[[Session, Asking], Rollout]


class Approval(Body):
    """One person's word for one plan."""

    plan_digest: str = Field(
        min_length=1, max_length=255, description="the plan that was seen; another one is refused (409)"
    )
    reason: str = Field(default="", max_length=1000, examples=["Accuracy is better than last week's."])
    emergency: bool = Field(
        default=False, description="break the glass, as the stage's policy allows: past approvals, freezes and holds"
    )


class Rejection(Body):
    """One person's word against it."""

    reason: str = Field(default="", max_length=1000, examples=["Accuracy is too low."])
    plan_digest: str | None = Field(
        default=None, max_length=255, description="the plan that was seen; another one is refused (409)"
    )


@router.get("/plan", responses=refusals(404), summary="What a rollout will do, and what that changes")
def get_plan(api: Api, _who: Viewer, release_id: str, stage: str) -> PlanView:
    """Exactly what an approval is given for, by its digest, beside what serves there now."""

    def query(session: Session) -> PlanView:
        rollout = get_rollout(session, release_id, stage)
        plan = plan_of(session, rollout)
        serves = served_plan(session, plan)
        return PlanView.of(rollout, plan, serves=serves, expires_at=expiry_of(rollout, plan))

    return api.read(query)


@router.post(
    "/approve",
    response_model=ReleaseDetail,
    responses=refusals(403, 404, 409, 413),
    summary="Approve a rollout that waits",
)
def approve_rollout(
    api: Api, who: Approver, release_id: str, stage: str, body: Approval, idempotency_key: IdempotencyKey = None
) -> Response:
    """With the last word that its policy asks for it is queued at once; until then `missing` says what is still needed.

    Should the plan be another one than `plan_digest` by now, nothing is approved, and `changes` says what changed.
    """
    return _decide(
        api,
        who,
        f"POST /v1/releases/{release_id}/rollouts/{stage}/approve",
        body,
        idempotency_key,
        release_id,
        lambda session, asking: decisions.approve(
            session,
            asking,
            release_id,
            stage,
            plan_digest=body.plan_digest,
            reason=body.reason,
            emergency=body.emergency,
        ),
    )


@router.post(
    "/reject",
    response_model=ReleaseDetail,
    responses=refusals(403, 404, 409, 413),
    summary="Reject a rollout that waits; ends the release",
)
def reject_rollout(
    api: Api, who: Approver, release_id: str, stage: str, body: Rejection, idempotency_key: IdempotencyKey = None
) -> Response:
    """The reason is for those who asked for the release: without one a rejection is refused (422)."""
    return _decide(
        api,
        who,
        f"POST /v1/releases/{release_id}/rollouts/{stage}/reject",
        body,
        idempotency_key,
        release_id,
        lambda session, asking: decisions.reject(
            session, asking, release_id, stage, reason=body.reason, plan_digest=body.plan_digest
        ),
    )


def _decide(
    api: Service, who: Actor, route: str, body: Body, key: str | None, release_id: str, decide: Decide
) -> Response:
    asking = api.asking(who)

    def work(session: Session) -> Answer:
        # By the clock of the moment in which its turn has come: it may have waited for others' words.
        decide(session, replace(asking, now=database_now(session)))
        return Answer(200, whole_release(session, release_id))

    return once(api.database, asking, key=key, route=route, request=body, work=work)
