"""The page of a rollout: its plan, and the form to approve or reject it. Signed links in chats open it too."""

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from app.approvals.links import LONGEST, Link, read_link
from app.database.clock import database_now
from app.errors import Conflict, Forbidden, Invalid, MlreleaseError
from app.notifications.keys import signing_keys
from app.releases.plans import Change, changes
from app.releases.tables import StoredPlan
from app.web.deciding import decide
from app.web.pages import HEADERS, PageRoute, page, status_of
from app.web.portal import AllowedVisitor, CurrentPortal, CurrentVisitor, Form, Portal, Visitor, require_visible
from app.web.question import Question, read_question

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/releases/{release_id}/rollouts/{stage}")
def show_rollout(portal: CurrentPortal, visitor: AllowedVisitor, release_id: str, stage: str) -> Response:
    return portal.read(lambda session: _page(visitor, _question(session, visitor, release_id, stage)))


@router.post("/releases/{release_id}/rollouts/{stage}")
def decide_on_rollout(
    portal: CurrentPortal, visitor: AllowedVisitor, form: Form, release_id: str, stage: str
) -> Response:
    """Redirects to the page after a decision. After a refused one, shows the page with the reason and what was typed."""
    try:
        decide(portal, visitor.actor, form, release_id=release_id, stage=stage)
    except (Conflict, Forbidden, Invalid) as refusal:
        return _refused(portal, visitor, form, refusal, release_id=release_id, stage=stage)
    return _back(release_id, stage)


@router.get("/decide")
def follow_link(
    portal: CurrentPortal, visitor: CurrentVisitor, token: Annotated[str, Query(max_length=LONGEST)]
) -> Response:
    """Shows the page. A GET decides nothing, because scanners and previews follow links too."""

    def query(session: Session) -> Response:
        link = _read_link(session, portal, visitor, token)
        question = _question(session, visitor, link.release_id, link.stage)
        changed = _changed_since(session, link, question)
        return _page(visitor, question, link=link, token=token, changed=changed)

    return portal.read(query)


@router.post("/decide")
def decide_by_link(portal: CurrentPortal, visitor: CurrentVisitor, form: Form) -> Response:
    token = form.get("token", "")
    link = portal.read(lambda session: _read_link(session, portal, visitor, token))
    try:
        decide(portal, visitor.actor, form, release_id=link.release_id, stage=link.stage, token=token)
    except (Conflict, Forbidden, Invalid) as refusal:
        return _refused(portal, visitor, form, refusal, release_id=link.release_id, stage=link.stage, link=link)
    return _back(link.release_id, link.stage)


def _read_link(session: Session, portal: Portal, visitor: Visitor, token: str) -> Link:
    link = read_link(session, signing_keys(portal.authentication.settings), token, now=database_now(session))
    require_visible(visitor.actor, link.release_id)
    return link


def _question(session: Session, visitor: Visitor, release_id: str, stage: str) -> Question:
    return read_question(session, visitor.actor, release_id, stage, now=database_now(session))


def _changed_since(session: Session, link: Link, question: Question) -> list[Change]:
    """How the plan differs from the one that the chat message showed."""
    asked = session.get(StoredPlan, link.plan_digest)
    if asked is None or link.plan_digest == question.plan.digest:
        return []
    return changes(asked.document, question.plan.document)


def _refused(
    portal: Portal,
    visitor: Visitor,
    form: dict[str, str],
    refusal: MlreleaseError,
    *,
    release_id: str,
    stage: str,
    link: Link | None = None,
) -> Response:
    changed = [Change(**each) for each in refusal.details.get("changes", ())]
    question = portal.read(lambda session: _question(session, visitor, release_id, stage))
    is_spent = refusal.code == "link_used"
    return _page(
        visitor,
        question,
        error=refusal,
        changed=changed,
        reason=form.get("reason", ""),
        link=None if is_spent else link,
        token=form.get("token", ""),
    )


def _page(
    visitor: Visitor,
    question: Question,
    *,
    error: MlreleaseError | None = None,
    changed: Sequence[Change] = (),
    reason: str = "",
    link: Link | None = None,
    token: str = "",
) -> Response:
    return page(
        "rollout.html",
        status=200 if error is None else status_of(error),
        visitor=visitor,
        question=question,
        error=error,
        changed=changed,
        reason=reason,
        link=link,
        token=token,
    )


def _back(release_id: str, stage: str) -> Response:
    return RedirectResponse(f"/releases/{release_id}/rollouts/{stage}", 303, headers=HEADERS)
