"""Adopting an endpoint, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.bodies import Body, Name
from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.permissions import may
from app.api.plan_views import DryRunView
from app.api.release_views import ReleaseDetail
from app.api.releases import new_release
from app.identity.actor import Actor
from app.releasing.adopting import adopt, look_before_adoption
from app.releasing.work import Work

router = APIRouter(prefix="/v1/models/{model}/stages/{stage}/adopt", tags=["targets"])


class NewAdoption(Body):
    """The endpoint as it is."""

    seen: Name | None = Field(
        default=None,
        description="`found_digest` of the dry run that was shown: what has changed since then is not adopted",
        examples=["sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"],
    )
    note: str | None = Field(default=None, max_length=1000, examples=["Made by the platform team in spring."])


@router.post(
    "",
    status_code=201,
    response_model=ReleaseDetail,
    responses=refusals(404, 409, 413),
    summary="Take a stage's endpoint on record as it is",
)
def create_adoption(
    once: Once, who: Annotated[Actor, may(adopt)], model: str, stage: str, body: NewAdoption
) -> Response:
    """For an endpoint that others made, or that others changed since it was last moved.

    Answers with a release of one stage, under its approval policy. A worker reads the endpoint, and refuses where it is another
    model's; carried out, it tags the endpoint and changes nothing else: what serves there goes on serving.
    """

    def act(work: Work) -> Answer:
        release = adopt(work, model, stage=stage, **body.model_dump())
        return new_release(work, release)

    return once(who, act, body=body)


@router.post(
    "/dry-run",
    status_code=202,
    response_model=DryRunView,
    responses=refusals(404, 409, 413),
    summary="Look at a stage's endpoint before it is adopted",
)
def create_adoption_dry_run(
    once: Once, who: Annotated[Actor, may(look_before_adoption)], model: str, stage: str
) -> Response:
    """Answers at once. A worker then reads the endpoint; poll the address in `Location` for what is there. Nothing is changed."""

    def act(work: Work) -> Answer:
        run = look_before_adoption(work, model, stage=stage)
        return Answer(202, DryRunView.of(run), location=f"/v1/dry-runs/{run.id}")

    return once(who, act)
