"""Approving and rejecting over HTTP."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from pydantic import Field
from sqlmodel import Session

from app.api.bodies import Body
from app.api.documentation import refusals
from app.api.idempotency import Answer, IdempotencyKey, once
from app.api.releases import whole_release
from app.api.service import Api, Service, Who
from app.api.views import ReleaseDetail
from app.identity.actor import Actor
from app.releases.tables import Rollout
from app.workflow import decisions

router = APIRouter(prefix="/v1/releases/{release_id}/rollouts/{stage}", tags=["approvals"])


class Word(Body):
    """One person's word on one rollout."""

    reason: str = Field(default="", max_length=1000, examples=["Accuracy is better than last week's."])
    plan_digest: str | None = Field(
        default=None, max_length=255, description="the plan that was seen; another one is refused (409)"
    )


@router.post(
    "/approve", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Approve a rollout that waits"
)
def approve(
    api: Api, who: Who, release_id: str, stage: str, body: Word, idempotency_key: IdempotencyKey = None
) -> Response:
    """It is queued at once. Send the `plan_digest` that you saw: should the plan be another by now, nothing is approved."""
    return _decide(api, who, release_id, stage, body, idempotency_key, decisions.approve, "approve")


@router.post(
    "/reject",
    response_model=ReleaseDetail,
    responses=refusals(404, 409, 413),
    summary="Reject a rollout that waits; ends the release",
)
def reject(
    api: Api, who: Who, release_id: str, stage: str, body: Word, idempotency_key: IdempotencyKey = None
) -> Response:
    """The reason is for those who asked for the release: without one a rejection is refused (422)."""
    return _decide(api, who, release_id, stage, body, idempotency_key, decisions.reject, "reject")


def _decide(
    api: Service,
    who: Actor,
    release_id: str,
    stage: str,
    body: Word,
    key: str | None,
    decide: Callable[..., Rollout],
    name: str,
) -> Response:
    asking = api.asking(who)

    def work(session: Session) -> Answer:
        decide(session, asking, release_id, stage, reason=body.reason, plan_digest=body.plan_digest)
        return Answer(200, whole_release(session, release_id))

    route = f"POST /v1/releases/{release_id}/rollouts/{stage}/{name}"
    return once(api.database, asking, key=key, route=route, request=body, work=work)
