"""Attempts at a rollout: queued, given up, begun anew, and what becomes of the steps that are left."""

from collections.abc import Iterable
from datetime import datetime

from app.events.work import UnitOfWork
from app.planning.plan import Plan
from app.planning.steps import On
from app.releases.locks import lock_rollout
from app.releases.queries import steps_of
from app.releases.service import move_rollout, move_step, record
from app.releases.states import DRIVEN, TIMED, Status, StepStatus
from app.releases.tables import Release, Rollout, StepRun

INTERNAL_ERROR = "internal_error"  # the code of what this service itself broke

# Written where nobody drove a row any more: see ``execution.reconcile``.
REQUEUED_ROLLOUT, REQUEUED_RELEASE = "rollout.requeued", "release.requeued"


def set_due(work: UnitOfWork, rollout: Rollout, at: datetime | None) -> None:
    """When something is to happen to it by itself; None: nothing does. It is of no interest after the next change of its state."""
    rollout.due_at = at
    work.add(rollout)
    work.flush()


def begin_attempt(work: UnitOfWork, rollout: Rollout) -> None:
    """Have a rollout wait for its turn at its target."""
    rollout.attempt += 1
    move_rollout(
        work,
        rollout,
        Status.QUEUED,
        code="queued",
        sentence=f"Queued for {rollout.endpoint}.",
    )


def fail_rollout(
    work: UnitOfWork,
    rollout_id: str,
    sentence: str,
    *,
    code: str = INTERNAL_ERROR,
    attempt: int | None = None,
    steps: bool = True,
) -> Status:
    """End a rollout that this service itself broke; its status then. One that has ended, or has a newer attempt, stays as it is.

    Without ``steps`` only what must be written is: a retry plans again whatever the steps are left at.
    """
    rollout, _, its_steps = lock_rollout(work, rollout_id)
    if not may_be_ended(rollout, attempt):
        return rollout.status
    if steps:
        break_off(work, its_steps, code=code, sentence=sentence)
        skip_what_is_left(work, its_steps, because=f"Not reached: {sentence}")
    move_rollout(work, rollout, Status.FAILED, code=code, sentence=sentence)
    return rollout.status


def may_be_ended(rollout: Rollout, attempt: int | None) -> bool:
    """Whether it has not ended, and has no newer ``attempt``; None: whichever it has."""
    return rollout.status in DRIVEN | TIMED and attempt in {None, rollout.attempt}


def break_off(work: UnitOfWork, steps: Iterable[StepRun], *, code: str, sentence: str) -> None:
    """Those that are carried out are not any more."""
    for step in steps:
        if step.status is StepStatus.RUNNING:
            move_step(work, step, StepStatus.ERRORED, code=code, sentence=sentence)


def renew_attempt(work: UnitOfWork, rollout: Rollout) -> None:
    """Give a rollout that nobody drives a new attempt as it stands: whoever still drove it does no more."""
    rollout.attempt += 1
    work.add(rollout)
    work.flush()
    release = work.get_one(Release, rollout.release_id)
    data = {"attempt": rollout.attempt, "status": rollout.status.value}
    record(work, release, REQUEUED_ROLLOUT, subject=rollout.id, data=data)


def note_requeued(work: UnitOfWork, release: Release) -> None:
    """A release that nobody prepared any more is to be prepared anew."""
    record(work, release, REQUEUED_RELEASE, subject=release.id, data={})


def plan_again(work: UnitOfWork, rollout: Rollout, plan: Plan) -> None:
    """Let the steps that have not succeeded be carried out again: what is done stays done, what waits waits on.

    Where bringing back has begun, that is what goes on: what had been done before it may be undone already.
    """
    steps = steps_of(work, rollout.id)
    back = {each.key for each in plan.steps if each.on is On.FAILURE}
    forward = {each.key for each in plan.steps if each.on is On.SUCCESS}
    kept = forward if any(step.key in back and step.attempts for step in steps) else set()
    for step in (each for each in steps if each.key not in kept):
        if step.status is StepStatus.WAITING:
            _leave_out_pause(work, rollout, step)
        elif step.status not in {StepStatus.SUCCEEDED, StepStatus.PENDING}:
            move_step(work, step, StepStatus.PENDING, code="planned", sentence="Planned again.")


def _leave_out_pause(work: UnitOfWork, rollout: Rollout, step: StepRun) -> None:
    """The time of a pause is not the step's: what had passed of it before, and what was left, stay as they were."""
    if rollout.paused_at is None or step.started_at is None or step.wait_until is None:
        return
    paused = work.now - rollout.paused_at
    step.started_at, step.wait_until = step.started_at + paused, step.wait_until + paused
    work.add(step)
    work.flush()


def skip_what_is_left(work: UnitOfWork, steps: Iterable[StepRun], *, because: str) -> None:
    """Steps that will not run in this attempt, and those that will not be waited for any more."""
    for step in steps:
        if step.status is StepStatus.PENDING:
            move_step(work, step, StepStatus.SKIPPED, code="not_reached", sentence=because)
        elif step.status is StepStatus.WAITING:
            said = f"Not waited for any more. {step.sentence}"
            move_step(work, step, StepStatus.CANCELLED, code="wait_ended", sentence=said)
