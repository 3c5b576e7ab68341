"""Approving and rejecting by a form of the portal."""

from typing import Literal

from app.approvals.links import Link, use_link
from app.errors import Invalid
from app.identity.actor import Actor
from app.notifications.keys import signing_keys
from app.releasing.decisions import approve, reject
from app.releasing.work import Work
from app.web.portal import Portal

Answer = Literal["approve", "reject"]

LONGEST_COMMENT = 1000  # characters


def decide(
    portal: Portal,
    actor: Actor,
    form: dict[str, str],
    *,
    release_id: str,
    stage: str,
    token: str | None = None,
) -> None:
    """Store the answer; a chat's link is spent with it or not at all. Raises as ``releasing.decisions`` does."""
    digest, reason, answer = form.get("plan_digest", ""), form.get("reason", ""), form.get("answer", "")
    if not digest or answer not in {"approve", "reject"}:
        raise Invalid("The form is incomplete.", code="form_malformed", hint="Reload the page and try again.")
    if len(reason) > LONGEST_COMMENT:
        raise Invalid(f"A comment has at most {LONGEST_COMMENT} characters.", code="comment_too_long")

    def act(work: Work) -> None:
        if token is not None:
            link = use_link(work, signing_keys(portal.authentication.settings), token, actor=actor.name, now=work.now)
            _require_its_answer(link, answer)
        if answer == "approve":
            emergency = form.get("emergency") == "yes"
            approve(work, release_id, stage, plan_digest=digest, reason=reason, emergency=emergency)
        else:
            reject(work, release_id, stage, plan_digest=digest, reason=reason)

    portal.releasing.transact(actor, act)


def _require_its_answer(link: Link, answer: str) -> None:
    if link.answer != answer:
        raise Invalid(f"This link is only for this decision: {link.answer}.", code="link_of_another_answer")
