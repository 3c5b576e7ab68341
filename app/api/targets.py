"""What serves, and served, at each endpoint, over HTTP."""

import hashlib
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Response
from pydantic import BaseModel
from sqlmodel import Session

from app.api.bodies import Moment
from app.api.documentation import refusals
from app.api.etags import etag_of, known_of
from app.api.idle_views import IdleReport
from app.api.paging import Cursor, Limit, moment_of, number_of, page_end
from app.api.permissions import Viewer
from app.api.service import Api
from app.api.serving_views import ServedPage, ServedView, TargetDetail, TargetPage, TargetView
from app.errors import Invalid
from app.identity.actor import Actor
from app.identity.roles import Permission
from app.planning.places import Target
from app.releasing.permissions import require_for_target
from app.releasing.traffic_moves import moves_of
from app.serving import queries
from app.serving.idle import fates_at
from app.serving.tables import StoredTarget

router = APIRouter(prefix="/v1/targets", tags=["targets"])

ONE = "/{subscription}/{resource_group}/{workspace}/{endpoint}"


def named(subscription: str, resource_group: str, workspace: str, endpoint: str) -> str:
    """The id of the target that an address names; its names may be in upper or lower case."""
    return str(Target.named(subscription, resource_group, workspace, endpoint))


Named = Annotated[str, Depends(named)]


@router.get("", summary="Endpoints that were released to or adopted, and what serves there")
def list_targets(
    api: Api,
    who: Viewer,
    model: str | None = None,
    stage: str | None = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> TargetPage:
    """The newest first. Filters are combined."""
    before, visible = moment_of(cursor), who.models(Permission.VIEW)

    def query(session: Session) -> TargetPage:
        rows = queries.list_targets(session, model=model, stage=stage, visible=visible, before=before, limit=limit + 1)
        serving = queries.serving_at_each(session, [each.id for each in rows[:limit]])
        end = page_end(rows, limit, lambda target: f"{target.since.isoformat()} {target.id}")
        return TargetPage(items=[TargetView.of(each, serving[each.id]) for each in rows[:limit]], next=end)

    return api.read(query)


@router.get(
    ONE,
    response_model=TargetDetail,
    responses={304: {"description": "Unchanged since the answer with the ETag in If-None-Match."}, **refusals(404)},
    summary="One endpoint: what serves there now, by whose word, and which deployments are there",
)
def get_target(api: Api, who: Viewer, target: Named, if_none_match: Annotated[str | None, Header()] = None) -> Response:
    """As last read back from Azure by a rollout."""

    def query(session: Session) -> TargetDetail:
        row = _visible(session, who, target)
        serving = queries.serving_now(session, target)
        moves = moves_of(session, serving, visible=who.models(Permission.VIEW))
        return TargetDetail.whole(row, serving, moves=moves, deployments=queries.deployed_at(session, target))

    return _tagged(api.read(query), if_none_match)


@router.get(ONE + "/history", responses=refusals(404), summary="What served there, and when")
def get_history(
    api: Api,
    who: Viewer,
    target: Named,
    at: Annotated[Moment | None, Query(description="only what served at this moment")] = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> ServedPage:
    """Each share of the traffic from when to when, who asked for it and who approved it; the newest first.

    With `at`, what served at that moment, in one page, the largest share first.
    """
    if at is not None and cursor is not None:
        raise Invalid("`at` gives one page.", code="cursor_without_pages", hint="Leave out `cursor`, or `at`.")
    before = number_of(cursor)

    def query(session: Session) -> ServedPage:
        _visible(session, who, target)
        if at is not None:
            rows, end = queries.serving_when(session, target, at), None
        else:
            rows = queries.history(session, target, before=before, limit=limit + 1)
            end = page_end(rows, limit, lambda share: share.id)
            rows = rows[:limit]
        moves = moves_of(session, rows, visible=who.models(Permission.VIEW))
        return ServedPage(items=[ServedView.by(each, moves) for each in rows], next=end)

    return api.read(query)


@router.get(
    ONE + "/idle", responses=refusals(404), summary="Deployments without traffic there, and what becomes of them"
)
def get_idle(api: Api, who: Viewer, target: Named) -> IdleReport:
    """As far as is on record. The definition's `retention` says what becomes of them; the cost is by `prices` of guardrails.yml."""
    now, prices = api.database.now(), api.guardrails.prices

    def query(session: Session) -> IdleReport:
        return IdleReport.of(fates_at(session, _visible(session, who, target)), now=now, prices=prices)

    return api.read(query)


def _visible(session: Session, who: Actor, target: str) -> StoredTarget:
    """Raises NotFound, also for a target of a model that the actor may not see."""
    require_for_target(session, who, Permission.VIEW, target)
    return session.get_one(StoredTarget, target)


def _tagged(answer: BaseModel, if_none_match: str | None) -> Response:
    """Its tag is made from what it says."""
    body = answer.model_dump_json()
    etag = etag_of(hashlib.sha256(body.encode()).hexdigest()[:32])
    if etag in known_of(if_none_match):
        return Response(status_code=304, headers={"ETag": etag})
    return Response(body, media_type="application/json", headers={"ETag": etag})
