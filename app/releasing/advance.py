"""What comes next in a release: the next stage is queued, waits for people, or for the end of a freeze."""

from datetime import datetime

from sqlmodel import Session

from app.freezes.queries import frozen_for
from app.freezes.windows import Frozen
from app.guardrails.rules import Guardrails, say_all
from app.identity.actor import Actor
from app.releases.queries import overtaken_by, plan_of, rollout_ahead, scheduled, waiting_before
from app.releases.service import begin_attempt, move_rollout
from app.releases.states import Control, Status
from app.releases.tables import Release, Rollout
from app.releasing.asking import ask_anew_if_not_as_approved, ask_people, renew_plan, void_approvals
from app.releasing.guarding import refusals_of, site_in
from app.releasing.queue import WorkQueue


def advance_release(
    session: Session, queue: WorkQueue, guardrails: Guardrails, release: Release, *, actor: Actor, now: datetime
) -> None:
    """Take the first stage that has not been reached to where it can go by itself.

    Releases are prepared side by side: a newer one may have got there first. The older one then does not go after it.
    """
    ahead = rollout_ahead(session, release)
    if ahead is None or ahead.status is not Status.PENDING:
        return
    if release.control is Control.CANCEL:
        said = "Cancelled after the stage before it had been completed."
        move_rollout(session, ahead, Status.CANCELLED, code="cancelled", sentence=said, actor=actor, now=now)
        return  # it replaces nobody there
    newer = overtaken_by(session, release, ahead)
    if newer is not None:
        _supersede(session, release, ahead, by=newer.release_id, actor=actor, now=now)
        return  # what is older still, it has superseded too
    if is_refused(session, guardrails, release, ahead, actor=actor, now=now):
        return
    renew_plan(session, guardrails, release, ahead)
    if ahead.needs_approval:
        ask_people(session, queue, guardrails, release, ahead, actor=actor, now=now)
    else:
        enqueue_rollout(session, queue, guardrails, release, ahead, actor=actor, now=now)
    supersede_older(session, release, ahead, actor=actor, now=now)


def supersede_older(session: Session, release: Release, rollout: Rollout, *, actor: Actor, now: datetime) -> None:
    """A newer release that gets to a stage replaces older ones of its model that still wait there; never a running one."""
    for older in waiting_before(session, release, rollout):
        _supersede(session, session.get_one(Release, older.release_id), older, by=release.id, actor=actor, now=now)


def _supersede(session: Session, release: Release, rollout: Rollout, *, by: str, actor: Actor, now: datetime) -> None:
    said = f"Superseded by {by}."
    void_approvals(session, release, rollout, because=said, actor=actor, now=now)
    move_rollout(session, rollout, Status.SUPERSEDED, code="superseded", sentence=said, actor=actor, now=now)


def enqueue_rollout(
    session: Session,
    queue: WorkQueue,
    guardrails: Guardrails,
    release: Release,
    rollout: Rollout,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Queue it behind what its target has to do before; in a freeze once that has ended."""
    if _keep_out(session, queue, guardrails, release, rollout, actor=actor, now=now):
        return
    workflow_id = begin_attempt(session, rollout, actor=actor, now=now)
    queue.carry_out_rollout(session, rollout.id, workflow_id=workflow_id, target=rollout.target)


def may_begin(
    session: Session,
    queue: WorkQueue,
    guardrails: Guardrails,
    release: Release,
    rollout: Rollout,
    *,
    actor: Actor,
    now: datetime,
) -> bool:
    """The last look, when its turn in the queue has come. If not, it waits for what it must wait for, or has failed."""
    return not (
        is_refused(session, guardrails, release, rollout, actor=actor, now=now)
        or ask_anew_if_not_as_approved(session, queue, guardrails, release, rollout, actor=actor, now=now)
        or _keep_out(session, queue, guardrails, release, rollout, actor=actor, now=now)
    )


def is_refused(
    session: Session, guardrails: Guardrails, release: Release, rollout: Rollout, *, actor: Actor, now: datetime
) -> bool:
    """True where the guardrails, as they are now, do not let it go there: then it has failed."""
    refusals = refusals_of(guardrails, release.model, rollout.target, plan_of(session, rollout).document)
    if refusals:
        said = say_all(refusals)
        void_approvals(session, release, rollout, because=said, actor=actor, now=now)
        move_rollout(session, rollout, Status.FAILED, code="guardrail_refused", sentence=said, actor=actor, now=now)
    return bool(refusals)


def look_at_scheduled(session: Session, queue: WorkQueue, *, now: datetime) -> None:
    """Freezes have changed: what waits for their end is looked at anew, by a worker."""
    for rollout in scheduled(session):
        queue.look_at_rollout(session, rollout.id, at=now, now=now)


def _keep_out(
    session: Session,
    queue: WorkQueue,
    guardrails: Guardrails,
    release: Release,
    rollout: Rollout,
    *,
    actor: Actor,
    now: datetime,
) -> bool:
    """True in a freeze: then it is scheduled for its end."""
    site = site_in(release.model, rollout.target, plan_of(session, rollout).document)
    always = guardrails.windows(site)
    frozen = frozen_for(session, model=release.model, stage=rollout.stage, target=rollout.target, now=now, also=always)
    if frozen is None or rollout.emergency:
        return False
    sentence = _sentence(frozen)
    if (rollout.status, rollout.sentence) != (Status.SCHEDULED, sentence):
        code = "held" if frozen.until is None else "frozen"
        move_rollout(session, rollout, Status.SCHEDULED, code=code, sentence=sentence, actor=actor, now=now)
    if frozen.until is not None:
        queue.look_at_rollout(session, rollout.id, at=frozen.until, now=now)
    return True


def _sentence(frozen: Frozen) -> str:
    why = "; ".join(frozen.reasons)
    if frozen.until is None:
        return f"Held: {why}. Begins by itself once that is lifted."
    return f"Frozen until {frozen.until:%Y-%m-%d %H:%M} UTC: {why}. Begins by itself then."
