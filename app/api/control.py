"""Cancelling, pausing, resuming and retrying over HTTP."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from pydantic import Field
from sqlmodel import Session

from app.api.bodies import Body
from app.api.documentation import refusals
from app.api.idempotency import Answer, IdempotencyKey, once
from app.api.permissions import Operator
from app.api.release_views import ReleaseDetail
from app.api.releases import whole_release
from app.api.service import Api, Service
from app.identity.actor import Actor
from app.releases.tables import Release
from app.releasing import control
from app.releasing.requests import Asking

router = APIRouter(prefix="/v1/releases/{release_id}", tags=["releases"])

Act = Callable[[Session, Asking], Release]


class Reason(Body):
    reason: str = Field(default="", max_length=1000, examples=["Wrong data."])


@router.post(
    "/cancel", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Cancel at the next safe point"
)
def cancel_release(
    api: Api, who: Operator, release_id: str, body: Reason, idempotency_key: IdempotencyKey = None
) -> Response:
    """At once where nothing runs; else the running step stops where stopping leaves nothing half-made."""
    return _do(
        api,
        who,
        f"POST /v1/releases/{release_id}/cancel",
        body,
        idempotency_key,
        lambda session, asking: control.cancel(session, asking, release_id, reason=body.reason),
    )


@router.post(
    "/pause", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Pause at the next safe point"
)
def pause_release(
    api: Api, who: Operator, release_id: str, body: Reason, idempotency_key: IdempotencyKey = None
) -> Response:
    """What runs stops where stopping leaves nothing half-made; what is queued stays out of the queue."""
    return _do(
        api,
        who,
        f"POST /v1/releases/{release_id}/pause",
        body,
        idempotency_key,
        lambda session, asking: control.pause(session, asking, release_id, reason=body.reason),
    )


@router.post(
    "/resume", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Go on with a paused release"
)
def resume_release(api: Api, who: Operator, release_id: str, idempotency_key: IdempotencyKey = None) -> Response:
    """It goes back into the queue of its endpoint, and goes on where it stopped."""
    return _do(
        api,
        who,
        f"POST /v1/releases/{release_id}/resume",
        None,
        idempotency_key,
        lambda session, asking: control.resume(session, asking, release_id),
    )


@router.post(
    "/retry", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Go on from the step that failed"
)
def retry_release(api: Api, who: Operator, release_id: str, idempotency_key: IdempotencyKey = None) -> Response:
    """What is done stays done."""
    return _do(
        api,
        who,
        f"POST /v1/releases/{release_id}/retry",
        None,
        idempotency_key,
        lambda session, asking: control.retry(session, asking, release_id),
    )


def _do(api: Service, who: Actor, route: str, body: Reason | None, key: str | None, act: Act) -> Response:
    asking = api.asking(who)

    def work(session: Session) -> Answer:
        release = act(session, asking)
        return Answer(200, whole_release(session, release.id))

    return once(api.database, asking, key=key, route=route, request=body, work=work)
