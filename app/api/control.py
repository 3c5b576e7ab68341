"""Cancelling, pausing, resuming and retrying over HTTP."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.bodies import Body
from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.permissions import may
from app.api.release_views import ReleaseDetail
from app.api.releases import whole_release
from app.identity.actor import Actor
from app.releases.tables import Release
from app.releasing import answering, control
from app.releasing.work import Work

router = APIRouter(prefix="/v1/releases/{release_id}", tags=["releases"])


class Reason(Body):
    reason: str = Field(default="", max_length=1000, examples=["Wrong data."])


@router.post(
    "/cancel", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Cancel at the next safe point"
)
def cancel_release(once: Once, who: Annotated[Actor, may(control.cancel)], release_id: str, body: Reason) -> Response:
    """Cancels at once if no step runs. Else the running step stops at its next safe point, where nothing is left half done."""
    return once(who, _whole(lambda work: control.cancel(work, release_id, reason=body.reason)), body=body)


@router.post(
    "/pause", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Pause at the next safe point"
)
def pause_release(once: Once, who: Annotated[Actor, may(control.pause)], release_id: str, body: Reason) -> Response:
    """A running step stops at its next safe point, where nothing is left half done. A queued rollout leaves the queue."""
    return once(who, _whole(lambda work: control.pause(work, release_id, reason=body.reason)), body=body)


@router.post(
    "/resume", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Resume a paused release"
)
def resume_release(once: Once, who: Annotated[Actor, may(control.resume)], release_id: str) -> Response:
    """The release goes back into the queue of its endpoint and continues where it stopped."""
    return once(who, _whole(lambda work: control.resume(work, release_id)))


@router.post(
    "/retry", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Retry from the step that failed"
)
def retry_release(once: Once, who: Annotated[Actor, may(control.retry)], release_id: str) -> Response:
    """Completed steps are not repeated."""
    return once(who, _whole(lambda work: control.retry(work, release_id)))


@router.post(
    "/advance",
    response_model=ReleaseDetail,
    responses=refusals(404, 409, 413),
    summary="Go on with the next share of the traffic",
)
def advance_release(
    once: Once, who: Annotated[Actor, may(answering.advance)], release_id: str, body: Reason
) -> Response:
    """Skips what is left of a bake, or accepts what an analysis could not decide. A deployment that is worse for certain is stopped
    all the same."""
    return once(who, _whole(lambda work: answering.advance(work, release_id, reason=body.reason)), body=body)


@router.post(
    "/extend",
    response_model=ReleaseDetail,
    responses=refusals(404, 409, 413),
    summary="Watch a share of the traffic longer",
)
def extend_release(once: Once, who: Annotated[Actor, may(answering.extend)], release_id: str, body: Reason) -> Response:
    """The new deployment keeps its share for one more bake, from now on."""
    return once(who, _whole(lambda work: answering.extend(work, release_id, reason=body.reason)), body=body)


@router.post(
    "/abort", response_model=ReleaseDetail, responses=refusals(404, 409, 413), summary="Go back to what served before"
)
def abort_release(once: Once, who: Annotated[Actor, may(control.abort)], release_id: str, body: Reason) -> Response:
    """A release that has a share of the traffic loses it; its target is then on hold. One that asks before it has any just stops."""
    return once(who, _whole(lambda work: control.abort(work, release_id, reason=body.reason)), body=body)


def _whole(act: Callable[[Work], Release]) -> Callable[[Work], Answer]:
    """The release that was acted on, as it is then."""
    return lambda work: Answer(200, whole_release(work, act(work).id))
