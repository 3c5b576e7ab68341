"""The question whether a plan should be carried out: shown, and answered by a form. Chats lead here by signed links."""

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
from app.releases.tables import Plan
from app.web.deciding import decide
from app.web.pages import HEADERS, PageRoute, page, status_of
from app.web.portal import Form, Portal, Visitor, Way, Who, WhoSees, require_visible
from app.web.question import Question, read_question

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/releases/{release_id}/rollouts/{stage}")
def show_rollout(way: Way, who: WhoSees, release_id: str, stage: str) -> Response:
    return way.read(lambda session: _page(who, _question(session, who, release_id, stage)))


@router.post("/releases/{release_id}/rollouts/{stage}")
def decide_on_rollout(way: Way, who: WhoSees, form: Form, release_id: str, stage: str) -> Response:
    """The page itself after an answer that counts; with what was said and why not, after one that does not."""
    try:
        decide(way, who.actor, form, release_id=release_id, stage=stage)
    except (Conflict, Forbidden, Invalid) as no:
        return _refused(way, who, form, no, release_id=release_id, stage=stage)
    return _back(release_id, stage)


@router.get("/decide")
def follow_link(way: Way, who: Who, token: Annotated[str, Query(max_length=LONGEST)]) -> Response:
    """Shows the question. Decides nothing: scanners and previews follow links, too."""

    def query(session: Session) -> Response:
        link = _read_link(session, way, who, token)
        question = _question(session, who, link.release_id, link.stage)
        changed = _changed_since(session, link, question)
        return _page(who, question, link=link, token=token, changed=changed)

    return way.read(query)


@router.post("/decide")
def decide_by_link(way: Way, who: Who, form: Form) -> Response:
    token = form.get("token", "")
    link = way.read(lambda session: _read_link(session, way, who, token))
    try:
        decide(way, who.actor, form, release_id=link.release_id, stage=link.stage, token=token)
    except (Conflict, Forbidden, Invalid) as no:
        return _refused(way, who, form, no, release_id=link.release_id, stage=link.stage, link=link)
    return _back(link.release_id, link.stage)


def _read_link(session: Session, way: Portal, who: Visitor, token: str) -> Link:
    link = read_link(session, signing_keys(way.authentication.settings), token, now=database_now(session))
    require_visible(who.actor, link.release_id)
    return link


def _question(session: Session, who: Visitor, release_id: str, stage: str) -> Question:
    return read_question(session, who.actor, release_id, stage, now=database_now(session))


def _changed_since(session: Session, link: Link, question: Question) -> list[Change]:
    """What is another than in the plan that the chat asked about."""
    asked = session.get(Plan, link.plan_digest)
    if asked is None or link.plan_digest == question.plan.digest:
        return []
    return changes(asked.document, question.plan.document)


def _refused(
    way: Portal,
    who: Visitor,
    form: dict[str, str],
    no: MlreleaseError,
    *,
    release_id: str,
    stage: str,
    link: Link | None = None,
) -> Response:
    changed = [Change(**each) for each in no.details.get("changes", ())]
    question = way.read(lambda session: _question(session, who, release_id, stage))
    is_spent = no.code == "link_used"
    return _page(
        who,
        question,
        error=no,
        changed=changed,
        reason=form.get("reason", ""),
        link=None if is_spent else link,
        token=form.get("token", ""),
    )


def _page(
    who: Visitor,
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
        visitor=who,
        question=question,
        error=error,
        changed=changed,
        reason=reason,
        link=link,
        token=token,
    )


def _back(release_id: str, stage: str) -> Response:
    return RedirectResponse(f"/releases/{release_id}/rollouts/{stage}", 303, headers=HEADERS)
