"""Cancelling, pausing, resuming and retrying over HTTP."""

from collections.abc import Callable

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.bodies import Body
from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.permissions import Operator
from app.api.release_views import ReleaseDetail
from app.api.releases import whole_release
from app.releases.tables import Release
from app.releasing import control
from app.releasing.work import Work

router = APIRouter(prefix="/v1/releases/{release_id}", tags=["releases"])


class Reason(Body):
    reason: str = Field(default="", max_length=1000, examples=["Wrong data."])


@router.post(
    "/cancel", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Cancel at the next safe point"
)
def cancel_release(once: Once, who: Operator, release_id: str, body: Reason) -> Response:
    """At once where nothing runs; else the running step stops where stopping leaves nothing half-made."""
    return once(who, _whole(lambda work: control.cancel(work, release_id, reason=body.reason)), body=body)


@router.post(
    "/pause", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Pause at the next safe point"
)
def pause_release(once: Once, who: Operator, release_id: str, body: Reason) -> Response:
    """What runs stops where stopping leaves nothing half-made; what is queued stays out of the queue."""
    return once(who, _whole(lambda work: control.pause(work, release_id, reason=body.reason)), body=body)


@router.post(
    "/resume", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Go on with a paused release"
)
def resume_release(once: Once, who: Operator, release_id: str) -> Response:
    """It goes back into the queue of its endpoint, and goes on where it stopped."""
    return once(who, _whole(lambda work: control.resume(work, release_id)))


@router.post(
    "/retry", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Go on from the step that failed"
)
def retry_release(once: Once, who: Operator, release_id: str) -> Response:
    """What is done stays done."""
    return once(who, _whole(lambda work: control.retry(work, release_id)))


def _whole(act: Callable[[Work], Release]) -> Callable[[Work], Answer]:
    """The release that was acted on, as it is then."""
    return lambda work: Answer(200, whole_release(work, act(work).id))
