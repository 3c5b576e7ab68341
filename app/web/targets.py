"""The pages of what serves: at every endpoint now, and at one of them at any time, by whose word; there is the form to go back."""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from app.errors import Conflict, Forbidden, Invalid, MlreleaseError
from app.identity.roles import Permission
from app.planning.places import Target
from app.releasing.permissions import require_for_target
from app.releasing.rolling_back import roll_back
from app.releasing.traffic_moves import moves_of
from app.serving.earlier import last_served
from app.serving.queries import deployed_at, history, list_targets, serving_at_each
from app.serving.tables import StoredTarget
from app.web.deciding import LONGEST_COMMENT
from app.web.pages import HEADERS, PageRoute, page, status_of
from app.web.portal import CurrentPortal, CurrentVisitor, Form, Portal, Visitor

router = APIRouter(include_in_schema=False, route_class=PageRoute)

ONE = "/targets/{subscription}/{resource_group}/{workspace}/{endpoint}"

Named = Annotated[Target, Depends(Target.named)]

MOST_TARGETS = 500
MOST_SHARES = 200
MOST_EARLIER = 50  # that are offered to go back to; the command line goes back to any


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


@router.get(ONE)
def show_target(portal: CurrentPortal, visitor: CurrentVisitor, where: Named) -> Response:
    return portal.read(lambda session: _page(session, visitor, where))


@router.post(ONE)
def go_back(portal: CurrentPortal, visitor: CurrentVisitor, form: Form, where: Named) -> Response:
    """Redirects to the rollback. After a refused one, shows the page with why, and with what was typed."""
    reason = form.get("reason", "")
    try:
        if len(reason) > LONGEST_COMMENT:
            raise Invalid(f"A reason has at most {LONGEST_COMMENT} characters.", code="reason_too_long")
        asked = portal.releasing.transact(
            visitor.actor, lambda work: roll_back(work, str(where), reason=reason, to=form.get("to") or None).id
        )
    except (Conflict, Forbidden, Invalid) as refusal:
        return _refused(portal, visitor, where, refusal, reason=reason)
    return RedirectResponse(f"/releases/{asked}", 303, headers=HEADERS)


def _refused(portal: Portal, visitor: Visitor, where: Target, refusal: MlreleaseError, *, reason: str) -> Response:
    return portal.read(lambda session: _page(session, visitor, where, error=refusal, reason=reason))


def _page(
    session: Session, visitor: Visitor, where: Target, *, error: MlreleaseError | None = None, reason: str = ""
) -> Response:
    """Raises NotFound, also for a target of a model that the visitor may not see."""
    require_for_target(session, visitor.actor, Permission.VIEW, str(where))
    target = session.get_one(StoredTarget, str(where))
    shares = history(session, str(where), limit=MOST_SHARES)
    serves = {each.release_id for each in shares if each.to_at is None}
    return page(
        "target.html",
        status=200 if error is None else status_of(error),
        visitor=visitor,
        target=target,
        where=where,
        shares=shares,
        moves=moves_of(session, shares, visible=visitor.actor.models(Permission.VIEW)),
        deployments=deployed_at(session, str(where)),
        most=MOST_SHARES,
        may_go_back=visitor.actor.may(Permission.OPERATE, target.model),
        earlier=last_served(session, str(where), most=MOST_EARLIER, but=serves),
        error=error,
        reason=reason,
    )
