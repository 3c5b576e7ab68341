"""Going back, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.bodies import Body, Name
from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.permissions import may
from app.api.release_views import ReleaseDetail
from app.api.releases import new_release
from app.api.targets import ONE, Named
from app.identity.actor import Actor
from app.releasing.rolling_back import roll_back
from app.releasing.work import Work

router = APIRouter(prefix="/v1/targets", tags=["targets"])


class Rollback(Body):
    """Go back to what served before, or to an earlier release that has served there."""

    reason: str = Field(min_length=1, max_length=1000, examples=["It answers with yesterday's prices."])
    to: Name | None = Field(
        default=None,
        description="a release that has served there; default: the one before what serves now, and where a release is on its way "
        "there, the one that it would replace",
        examples=["sentiment-model-6"],
    )
    deployment: Name | None = Field(
        default=None,
        description="instead of a release: a deployment on record there that others made",
        examples=["blue"],
    )


@router.post(
    ONE + "/rollback",
    status_code=201,
    response_model=ReleaseDetail,
    responses=refusals(403, 404, 409, 413),
    summary="Go back to what served before",
)
def create_rollback(once: Once, who: Annotated[Actor, may(roll_back)], target: Named, body: Rollback) -> Response:
    """Answers with a release of one stage, which goes ahead of everything else there.

    What waits at the target is superseded; what runs there is asked to stop at its next safe point. No freeze and no hold keeps it
    out. A deployment that is still there is proven and used again, else one is made anew. Afterwards the target is on hold until
    somebody lifts that.
    """

    def act(work: Work) -> Answer:
        release = roll_back(work, target, **body.model_dump())
        return new_release(work, release)

    return once(who, act, body=body, check=lambda work: roll_back.check(work, target))
