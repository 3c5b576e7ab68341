"""The pages of what serves: at every endpoint now, and at one of them at any time, by whose word."""

from fastapi import APIRouter, Response
from sqlmodel import Session

from app.identity.roles import Permission
from app.planning.places import Place, Target
from app.releasing.permissions import require_for_target
from app.releasing.traffic_moves import moves_of
from app.serving.queries import deployed_at, history, list_targets, serving_at_each
from app.serving.tables import StoredTarget
from app.web.pages import PageRoute, page
from app.web.portal import CurrentPortal, CurrentVisitor

router = APIRouter(include_in_schema=False, route_class=PageRoute)

MOST_TARGETS = 500
MOST_SHARES = 200


@router.get("/targets")
def show_targets(portal: CurrentPortal, visitor: CurrentVisitor) -> Response:
    visible = visitor.actor.models(Permission.VIEW)

    def query(session: Session) -> Response:
        targets = list_targets(session, visible=visible, limit=MOST_TARGETS)
        serving = serving_at_each(session, [each.id for each in targets])
        shares = [share for found in serving.values() for share in found]
        return page(
            "targets.html",
            visitor=visitor,
            targets=sorted(targets, key=lambda each: (each.model, each.stage, each.id)),
            where={each.id: Target.parse(each.id) for each in targets},
            serving=serving,
            moves=moves_of(session, shares, visible=visible),
            most=MOST_TARGETS,
        )

    return portal.read(query)


@router.get("/targets/{subscription}/{resource_group}/{workspace}/{endpoint}")
def show_target(
    portal: CurrentPortal,
    visitor: CurrentVisitor,
    subscription: str,
    resource_group: str,
    workspace: str,
    endpoint: str,
) -> Response:
    where = Target(
        place=Place(subscription=subscription, resource_group=resource_group, workspace=workspace), endpoint=endpoint
    )

    def query(session: Session) -> Response:
        require_for_target(session, visitor.actor, Permission.VIEW, str(where))
        shares = history(session, str(where), limit=MOST_SHARES)
        return page(
            "target.html",
            visitor=visitor,
            target=session.get_one(StoredTarget, str(where)),
            where=where,
            shares=shares,
            moves=moves_of(session, shares, visible=visitor.actor.models(Permission.VIEW)),
            deployments=deployed_at(session, str(where)),
            most=MOST_SHARES,
        )

    return portal.read(query)
