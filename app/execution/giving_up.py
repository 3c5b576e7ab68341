"""What this service itself broke: what has moved traffic goes back first. Only where that breaks, too, it ends as failed: then its
sentence says who has which share, and its target is on hold."""

from collections.abc import Callable
from functools import partial

from app.releases.asked import ask_of
from app.releases.at_target import must_go_back
from app.releases.attempts import INTERNAL_ERROR, break_off, fail_rollout, may_be_ended, renew_attempt, set_due
from app.releases.locks import lock_rollout
from app.releases.service import move_rollout
from app.releases.states import DRIVEN, TIMED, Control, Status
from app.releases.tables import Release, Rollout
from app.releasing.advance import free_target
from app.releasing.freezing import hold_after_failure
from app.releasing.work import Work
from app.serving.queries import serving_now


def give_up(work: Work, rollout_id: str, sentence: str, *, attempt: int | None = None) -> Status:
    """Have it brought back as what people abort, in a new attempt, or end it; its status then.

    One that has ended, or has a newer attempt, stays as it is.
    """
    rollout, release, steps = lock_rollout(work, rollout_id)
    if not may_be_ended(rollout, attempt):
        return rollout.status
    is_back_tried = release.control is Control.ABORT or rollout.status is Status.ROLLING_BACK
    if is_back_tried or not must_go_back(work, rollout):
        return end_as_it_is(work, rollout_id, sentence)
    ask_of(work, release, Control.ABORT, reason=sentence)
    break_off(work, steps, code=INTERNAL_ERROR, sentence=sentence)
    if rollout.status in {*TIMED, Status.QUEUED}:  # no gate and no time keeps it waiting any more
        move_rollout(work, rollout, Status.CANCELLING, code=INTERNAL_ERROR, sentence=f"{sentence} Goes back.")
    set_due(work, rollout, None)
    renew_attempt(work, rollout)
    work.queue.move_target(work, rollout.target)
    return rollout.status


def end_as_it_is(
    work: Work,
    rollout_id: str,
    sentence: str,
    *,
    code: str = INTERNAL_ERROR,
    attempt: int | None = None,
    steps: bool = True,
) -> Status:
    """End it as failed without a way back; its status then. ``code``, ``attempt`` and ``steps`` as those of ``fail_rollout``."""
    rollout, release, _ = lock_rollout(work, rollout_id)
    is_midway = must_go_back(work, rollout)
    if is_midway:
        sentence += f" {what_is_left(work, release, rollout)}"
    before = rollout.status
    status = fail_rollout(work, rollout_id, sentence, code=code, attempt=attempt, steps=steps)
    if is_midway and before is not status:
        hold_after_failure(work, release, rollout)
    return status


def end_at_least(work: Work, rollout_id: str, sentence: str, *, attempt: int | None = None) -> Status:
    """End it as failed where not even a hold can be written, or read what is left; its status then."""
    said = f"{sentence} Its traffic may be split, and no hold keeps it: see `mlrelease served`."
    return fail_rollout(work, rollout_id, said, attempt=attempt, steps=False)


def ways_to_give_up(rollout_id: str, *, attempt: int | None = None) -> list[Callable[[str, Work], Status]]:
    """Each writes less than the one before. Where it has ended, what waits behind it is told."""

    def carry_out(end: Callable[..., Status], sentence: str, work: Work) -> Status:
        status = end(work, rollout_id, sentence, attempt=attempt)
        if status not in DRIVEN:
            free_target(work, work.get_one(Rollout, rollout_id).target)
        return status

    return [partial(carry_out, end) for end in (give_up, partial(end_as_it_is, steps=False), end_at_least)]


def what_is_left(work: Work, release: Release, rollout: Rollout) -> str:
    """Who has which share at its target, as far as is on record, and what brings back what served before."""
    on_record = serving_now(work, rollout.target)
    live = [f"{each.deployment} has {each.weight}%" for each in on_record if each.weight]
    copies = [f"{each.deployment} gets copies of {each.mirror}%" for each in on_record if each.mirror]
    shares = ", ".join([*(live or ["nothing has traffic"]), *copies])
    serves = any(each.weight and each.deployment == rollout.deployment for each in on_record)
    # Where it has no live traffic, what served before is what serves: a rollback would go back to what served before that.
    how = (
        f"To bring back what served before: `mlrelease rollback {release.model} {rollout.stage}`."
        if serves
        else f"To go on bringing it back: `mlrelease release retry {release.id}`."
    )
    return f"On record: {shares}. {how}"
