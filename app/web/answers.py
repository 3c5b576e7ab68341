"""The page of a share of the traffic that is watched: what is known of it, and the form to go on, wait longer or go back."""

from fastapi import APIRouter, Response
from fastapi.responses import RedirectResponse
from sqlmodel import Session

from app.errors import Conflict, Forbidden, Invalid, MlreleaseError
from app.evidence.reports import newest_reports_on
from app.identity.roles import Permission
from app.releases.answers import waiting_steps
from app.releases.queries import get_release, rollout_ahead
from app.releasing.answering import ANSWERS, answer_shown, shown_of
from app.serving.queries import serving_now
from app.web.deciding import LONGEST_COMMENT
from app.web.pages import HEADERS, PageRoute, page, status_of
from app.web.portal import AllowedVisitor, CurrentPortal, Form, Visitor

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/releases/{release_id}/answer")
def show_question(portal: CurrentPortal, visitor: AllowedVisitor, release_id: str) -> Response:
    return portal.read(lambda session: _page(session, visitor, release_id))


@router.post("/releases/{release_id}/answer")
def answer(portal: CurrentPortal, visitor: AllowedVisitor, form: Form, release_id: str) -> Response:
    """Redirects to the release. After a refused answer, shows the page with why, and with what was typed."""
    reason = form.get("reason", "")
    try:
        answer = form.get("answer", "")
        if answer not in ANSWERS:
            raise Invalid("The form is incomplete.", code="form_malformed", hint="Reload the page and try again.")
        if len(reason) > LONGEST_COMMENT:
            raise Invalid(f"A reason has at most {LONGEST_COMMENT} characters.", code="reason_too_long")
        shown = form.get("shown", "")
        portal.releasing.transact(
            visitor.actor, lambda work: answer_shown(work, release_id, answer, shown=shown, reason=reason).id
        )
    except (Conflict, Forbidden, Invalid) as refusal:
        refused = refusal
        return portal.read(lambda session: _page(session, visitor, release_id, error=refused, reason=reason))
    return RedirectResponse(f"/releases/{release_id}", 303, headers=HEADERS)


def _page(
    session: Session, visitor: Visitor, release_id: str, *, error: MlreleaseError | None = None, reason: str = ""
) -> Response:
    release = get_release(session, release_id)
    rollout = rollout_ahead(session, release)
    waiting = [] if rollout is None else waiting_steps(session, rollout)
    return page(
        "answer.html",
        status=200 if error is None else status_of(error),
        visitor=visitor,
        release=release,
        rollout=rollout,
        waiting=waiting,
        shown="" if rollout is None else shown_of(session, rollout),
        reports=newest_reports_on(session, [each.id for each in waiting]),
        serves=[] if rollout is None else serving_now(session, rollout.target),
        may_answer=visitor.actor.may(Permission.OPERATE, release.model),
        error=error,
        reason=reason,
    )
