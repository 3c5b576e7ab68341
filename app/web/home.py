"""The home page: rollouts waiting for the visitor, those that ask what an analysis could not decide, rollouts waiting for others and why, and the newest releases."""

from fastapi import APIRouter, Response
from sqlmodel import Session

from app.database.clock import database_now
from app.identity.roles import Permission
from app.releases.queries import list_releases, waiting_for_people
from app.releases.questions import asking
from app.web.pages import PageRoute, page
from app.web.portal import CurrentPortal, CurrentVisitor
from app.web.question import read_question

router = APIRouter(include_in_schema=False, route_class=PageRoute)

RECENT = 25


@router.get("/")
def home(portal: CurrentPortal, visitor: CurrentVisitor) -> Response:
    visible = visitor.actor.models(Permission.VIEW)

    def query(session: Session) -> Response:
        waiting = waiting_for_people(session, visible=visible)
        questions = [
            read_question(session, visitor.actor, each.release_id, each.stage, now=database_now(session))
            for each in waiting
        ]
        return page(
            "home.html",
            visitor=visitor,
            mine=[each for each in questions if each.is_mine],
            asking=asking(session, visible=visible),
            others=[each for each in questions if not each.is_mine],
            releases=list_releases(session, limit=RECENT, visible=visible),
            has_role=visible != frozenset(),
        )

    return portal.read(query)
