"""Drift of an endpoint, over HTTP: in what Azure differs from what is on record."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field
from sqlmodel import Session

from app.api.bodies import Body
from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.permissions import Viewer, may
from app.api.release_views import ReleaseDetail
from app.api.releases import new_release
from app.api.service import Api
from app.api.targets import ONE, Named
from app.identity.actor import Actor
from app.identity.roles import Permission
from app.planning.drift import Difference
from app.releases.at_target import moved_by
from app.releasing.drifting import look_for_drift, revert
from app.releasing.permissions import require_for_target
from app.releasing.work import Work
from app.serving.tables import StoredTarget

router = APIRouter(prefix="/v1/targets", tags=["targets"])


class DriftView(BaseModel):
    """In what an endpoint differed from what is on record when it was last compared."""

    id: str
    model: str
    stage: str
    differences: Sequence[Difference]  # none: it is in line
    drifted_at: datetime | None  # since when it differs
    scanned_at: datetime | None  # when it was last compared; null: never
    next_scan_at: datetime | None
    problem: str | None  # why the last try to compare it came to nothing
    moved_by: str | None  # the rollout that moves it now: meanwhile it is not compared

    @classmethod
    def of(cls, session: Session, target: StoredTarget) -> "DriftView":
        return cls(
            **target.model_dump(include=set(cls.model_fields)),
            differences=target.differences,
            problem=target.scan_problem,
            moved_by=moved_by(session, target.id),
        )


class Revert(Body):
    """Bring back what is on record."""

    reason: str = Field(min_length=1, max_length=1000, examples=["Nobody approved that traffic."])


@router.get(ONE + "/drift", responses=refusals(404), summary="In what an endpoint differs from what is on record")
def get_drift(api: Api, who: Viewer, target: Named) -> DriftView:
    """As it was last compared. `POST` compares it now."""

    def query(session: Session) -> DriftView:
        require_for_target(session, who, Permission.VIEW, target)
        return DriftView.of(session, session.get_one(StoredTarget, target))

    return api.read(query)


@router.post(
    ONE + "/drift",
    status_code=202,
    response_model=DriftView,
    responses=refusals(403, 404, 409, 413),
    summary="Compare an endpoint with what is on record",
)
def create_scan(once: Once, who: Annotated[Actor, may(look_for_drift)], target: Named) -> Response:
    """Answers at once. A worker then reads the endpoint; poll the address in `Location` until `scanned_at` is later."""

    def act(work: Work) -> Answer:
        row = look_for_drift(work, target)
        return Answer(202, DriftView.of(work, row), location=f"/v1/targets/{target}/drift")

    return once(who, act, check=lambda work: look_for_drift.check(work, target))


@router.post(
    ONE + "/revert",
    status_code=201,
    response_model=ReleaseDetail,
    responses=refusals(403, 404, 409, 413),
    summary="Bring back what is on record as serving",
)
def create_revert(once: Once, who: Annotated[Actor, may(revert)], target: Named, body: Revert) -> Response:
    """Answers with a release of one stage, under its approval policy.

    A deployment that is as it was is proven and used again, else one is made anew. Nothing that waits is superseded, and the target
    is not held afterwards. Nothing is deleted: a changed deployment stays without traffic, and is drift until the endpoint is adopted
    or somebody deletes it.
    """

    def act(work: Work) -> Answer:
        release = revert(work, target, reason=body.reason)
        return new_release(work, release)

    return once(who, act, body=body, check=lambda work: revert.check(work, target))
