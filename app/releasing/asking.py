"""Asking people: since when, what they are told that is missing, and when what they said is void."""

from collections.abc import Sequence
from dataclasses import asdict

from app.approvals.policy import Verdict
from app.approvals.service import decisions_on, expiry_of, verdict_on
from app.errors import Conflict
from app.releases.asked import begin_asking, begin_round
from app.releases.at_target import asking_at
from app.releases.attempts import fail_rollout, set_due
from app.releases.locks import lock_release
from app.releases.plans import Change
from app.releases.queries import plan_of
from app.releases.service import move_rollout, record
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.plan_now import renew_plan
from app.releasing.work import Work


def ask_people(work: Work, release: Release, rollout: Rollout) -> None:
    """Have the rollout wait for people, with its plan, which was brought up to date before."""
    begin_asking(work, rollout)
    say_what_is_missing(work, release, rollout)
    set_due(work, rollout, expiry_of(rollout, plan_of(work, rollout)))


def say_what_is_missing(work: Work, release: Release, rollout: Rollout) -> Verdict:
    """Tell those who watch what the rollout waits for."""
    verdict = verdict_on(work, release, rollout, plan_of(work, rollout))
    glass = f", or {verdict.break_glass_missing}" if verdict.break_glass_missing else ""
    sentence = f"Waiting for {' and '.join(verdict.missing)}{glass}."
    move_rollout(work, rollout, Status.PENDING_APPROVAL, code="waits_for_approval", sentence=sentence)
    return verdict


def ask_others_anew(work: Work, moved: Rollout) -> None:
    """Something else may serve at this target now: whoever waits to replace what served before waits with another plan."""
    for waiting in asking_at(work, moved.target):
        release = lock_release(work, waiting.release_id)
        work.refresh(waiting)
        if waiting.status is not Status.PENDING_APPROVAL:
            continue  # decided while we waited for its lock: looked at again when it begins
        try:
            changed = renew_plan(work, waiting)
        except Conflict as no:
            end_for_its_record(work, waiting, no)
            continue
        if changed:
            done = "was released to" if moved.status is Status.SUCCEEDED else "changed what serves at"
            because = f"{moved.release_id} {done} {moved.endpoint}."
            void_approvals(work, release, waiting, because=because, changed=changed)
            ask_people(work, release, waiting)


def end_for_its_record(work: Work, rollout: Rollout, no: Conflict) -> None:
    """One whose plan or definition was changed past the service ends by itself: it must not keep others from their ends."""
    fail_rollout(work, rollout.id, str(no), code=no.code)


def void_approvals(
    work: Work, release: Release, rollout: Rollout, *, because: str, changed: Sequence[Change] = ()
) -> None:
    """Let nothing that was said so far count any more; nothing happens where nobody said anything."""
    said = [each for each in decisions_on(work, [rollout.id]) if each.round == rollout.round]
    if not said:
        return
    begin_round(work, rollout)
    told = {
        "because": because,
        "changes": [asdict(each) for each in changed],
        "decisions": [{"actor": each.actor, "approve": each.approve} for each in said],
    }
    record(work, release, "approval.voided", subject=rollout.id, data=told)
