"""What comes next in a release: the next stage is queued, or waits for approval or for the end of a freeze."""

from app.freezes.queries import frozen_for
from app.freezes.windows import Frozen
from app.guardrails.rules import say_all
from app.releases.queries import overtaken_by, plan_of, rollout_ahead, scheduled, waiting_before
from app.releases.service import begin_attempt, move_rollout, set_due
from app.releases.states import Control, Status
from app.releases.tables import Release, Rollout
from app.releasing.asking import ask_anew_if_not_as_approved, ask_people, renew_plan, void_approvals
from app.releasing.guarding import refusals_of, site_in
from app.releasing.work import Work


def advance_release(work: Work, release: Release) -> None:
    """Take the first stage that has not been reached to where it can go by itself.

    Releases are prepared side by side: a newer one may have got there first. The older one then does not go after it.
    """
    ahead = rollout_ahead(work, release)
    if ahead is None or ahead.status is not Status.PENDING:
        return
    if release.control is Control.CANCEL:
        said = "Cancelled after the previous stage had completed."
        move_rollout(work, ahead, Status.CANCELLED, code="cancelled", sentence=said)
        return  # it replaces nobody there
    newer = overtaken_by(work, release, ahead)
    if newer is not None:
        _supersede(work, release, ahead, by=newer.release_id)
        return  # what is older still, it has superseded too
    if is_refused(work, release, ahead):
        return
    renew_plan(work, release, ahead)
    if ahead.needs_approval:
        ask_people(work, release, ahead)
    else:
        enqueue_rollout(work, release, ahead)
    supersede_older(work, release, ahead)


def supersede_older(work: Work, release: Release, rollout: Rollout) -> None:
    """A newer release that gets to a stage replaces older ones of its model that still wait there; never a running one."""
    for older in waiting_before(work, release, rollout):
        _supersede(work, work.get_one(Release, older.release_id), older, by=release.id)


def _supersede(work: Work, release: Release, rollout: Rollout, *, by: str) -> None:
    said = f"Superseded by {by}."
    void_approvals(work, release, rollout, because=said)
    move_rollout(work, rollout, Status.SUPERSEDED, code="superseded", sentence=said)


def enqueue_rollout(
    work: Work,
    release: Release,
    rollout: Rollout,
) -> None:
    """Queue it behind what its target has to do before; in a freeze once that has ended."""
    if _keep_out(work, release, rollout):
        return
    begin_attempt(work, rollout)
    work.queue.move_target(work, rollout.target)


def may_begin(
    work: Work,
    release: Release,
    rollout: Rollout,
) -> bool:
    """The last look, when its turn in the queue has come. If not, it waits for what it must wait for, or has failed."""
    return not (
        is_refused(work, release, rollout)
        or ask_anew_if_not_as_approved(work, release, rollout)
        or _keep_out(work, release, rollout)
    )


def is_refused(work: Work, release: Release, rollout: Rollout) -> bool:
    """True where the guardrails, as they are now, do not let it go there: then it has failed."""
    refusals = refusals_of(work.guardrails, release.model, rollout.target, plan_of(work, rollout).document)
    if refusals:
        said = say_all(refusals)
        void_approvals(work, release, rollout, because=said)
        move_rollout(work, rollout, Status.FAILED, code="guardrail_refused", sentence=said)
    return bool(refusals)


def reconsider_scheduled(work: Work) -> None:
    """Freezes have changed: whether what waits for their end may begin is decided anew, by a worker."""
    for rollout in scheduled(work):
        set_due(work, rollout, work.now)


def _keep_out(
    work: Work,
    release: Release,
    rollout: Rollout,
) -> bool:
    """True in a freeze: then it is scheduled for its end."""
    site = site_in(release.model, rollout.target, plan_of(work, rollout).document)
    always = work.guardrails.windows(site)
    frozen = frozen_for(
        work, model=release.model, stage=rollout.stage, target=rollout.target, now=work.now, also=always
    )
    if frozen is None or rollout.emergency:
        return False
    sentence = _sentence(frozen)
    if (rollout.status, rollout.sentence) != (Status.SCHEDULED, sentence):
        code = "held" if frozen.until is None else "frozen"
        move_rollout(work, rollout, Status.SCHEDULED, code=code, sentence=sentence)
    set_due(work, rollout, frozen.until)
    return True


def _sentence(frozen: Frozen) -> str:
    why = "; ".join(frozen.reasons)
    if frozen.until is None:
        return f"On hold: {why}. Starts when the hold is deleted."
    return f"Frozen until {frozen.until:%Y-%m-%d %H:%M} UTC: {why}. Starts then."
