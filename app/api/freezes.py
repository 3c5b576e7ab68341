"""Freezes and holds over HTTP: times in which no rollout starts."""

from datetime import datetime, timedelta

from fastapi import APIRouter, Response
from pydantic import Field

from app.api.bodies import Body, Name
from app.api.documentation import refusals
from app.api.idempotency import Answer, Once
from app.api.permissions import Operator, Viewer
from app.api.service import Api, Service
from app.api.views import FreezePage, FreezeView
from app.freezes import queries
from app.freezes.service import Wanted
from app.freezes.tables import Freeze
from app.identity.actor import Actor
from app.releasing import freezing
from app.releasing.work import Work

router = APIRouter(prefix="/v1/freezes", tags=["freezes"])


class NewFreeze(Body):
    """A freeze of a model, a stage and a target; what is absent means all. Without `minutes` it is a hold, which lasts until it is deleted."""

    reason: str = Field(min_length=1, max_length=1000, examples=["No support at the weekend."])
    model: Name | None = Field(default=None, examples=["sentiment-model"])
    stage: Name | None = Field(default=None, examples=["prod"])
    target: str | None = Field(
        default=None,
        max_length=400,
        description="one endpoint, as in `target` of a rollout: subscription/resource group/workspace/endpoint",
    )
    starts: datetime | None = Field(
        default=None,
        description="local time of `time_zone`, without an offset; default: now",
        examples=["2026-01-02T18:00:00"],
    )
    minutes: int | None = Field(default=None, ge=1, le=366 * 24 * 60, description="how long it lasts, in local time")
    time_zone: str = Field(default="UTC", max_length=64, examples=["Europe/Berlin"])
    recurs: str | None = Field(
        default=None, max_length=500, description="an RRULE of RFC 5545", examples=["FREQ=WEEKLY;BYDAY=FR"]
    )

    @property
    def wanted(self) -> Wanted:
        return Wanted(
            reason=self.reason,
            starts=self.starts,
            lasts=None if self.minutes is None else timedelta(minutes=self.minutes),
            zone=self.time_zone,
            recurs=self.recurs,
            model=self.model,
            stage=self.stage,
            target=self.target,
        )


@router.post(
    "", status_code=201, response_model=FreezeView, responses=refusals(413), summary="Create a freeze or a hold"
)
def create_freeze(once: Once, who: Operator, body: NewFreeze) -> Response:
    """A rollout that would start in this time is `scheduled` and starts afterwards. A running rollout goes on."""

    def act(work: Work) -> Answer:
        freeze = freezing.create(work, body.wanted)
        return Answer(201, FreezeView.of(freeze, now=work.now), location=f"/v1/freezes/{freeze.id}")

    return once(who, act, body=body, check=lambda work: freezing.require_operator(work, body.model))


@router.get("", summary="Freezes and holds, the newest first")
def list_freezes(api: Api, who: Viewer, model: str | None = None) -> FreezePage:
    """With `model`, only those that apply to it."""
    now = api.database.now()
    found = api.read(lambda session: queries.list_freezes(session, model=model))
    return FreezePage(items=[FreezeView.of(each, now=now) for each in found if freezing.may_see(who, each)])


@router.get("/{freeze_id}", responses=refusals(404), summary="One freeze")
def get_freeze(api: Api, who: Viewer, freeze_id: str) -> FreezeView:
    """Whether it is in force now, and until when."""
    now = api.database.now()
    return FreezeView.of(_visible(api, who, freeze_id), now=now)


@router.delete("/{freeze_id}", status_code=204, responses=refusals(404), summary="End a freeze or a hold")
def delete_freeze(api: Api, who: Operator, freeze_id: str) -> Response:
    """The rollouts that waited for it start, unless another freeze applies."""
    api.releasing.transact(who, lambda work: freezing.delete(work, freeze_id))
    return Response(status_code=204)


def _visible(api: Service, who: Actor, freeze_id: str) -> Freeze:
    """Raises NotFound, also for a freeze of a model that the actor may not see."""
    freeze = api.read(lambda session: queries.get_freeze(session, freeze_id))
    if not freezing.may_see(who, freeze):
        raise queries.no_such_freeze(freeze_id)
    return freeze
