"""The sole writer of releases, rollouts and step runs; what they are made from is stored by ``planning``.

Every change of state goes through ``move_release``, ``move_rollout`` or ``move_step``: each checks that the change is allowed,
stores it and writes the event, in the caller's transaction. A release that has rollouts follows them: its status is that of the
first rollout that has not succeeded.
"""

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlmodel import func, select

from app.errors import Conflict
from app.events.work import UnitOfWork
from app.releases.locks import keep_locked, lock_rollout
from app.releases.queries import rollout_ahead, steps_of
from app.releases.states import (
    DRIVEN,
    RELEASE_MAY_FOLLOW,
    ROLLOUT_MAY_FOLLOW,
    STEP_MAY_FOLLOW,
    TIMED,
    Control,
    Status,
    StepStatus,
)
from app.releases.tables import Release, Rollout, StepRun

Json = dict[str, Any]
State = TypeVar("State", Status, StepStatus)

INTERNAL_ERROR = "internal_error"  # the code of what this service itself broke

# Written where nobody drove a row any more: see ``execution.reconcile``.
REQUEUED_ROLLOUT, REQUEUED_RELEASE = "rollout.requeued", "release.requeued"


@dataclass(frozen=True)
class Request:
    """What somebody asks for."""

    model: str
    definition_id: int
    definition_version: int
    job_id: int
    job: str
    stages: tuple[str, ...]
    note: str | None = None


def create_release(work: UnitOfWork, request: Request, *, mark: str) -> Release:
    """A new release, ``pending`` until it is prepared."""
    work.lock_chain_head()  # many who ask at once would all take the same number
    newest = work.exec(select(func.max(Release.number)).where(Release.model == request.model)).one()
    number = (newest or 0) + 1
    release = Release(
        id=f"{request.model}-{number}",
        model=request.model,
        number=number,
        mark=mark,
        definition_id=request.definition_id,
        definition_version=request.definition_version,
        job_id=request.job_id,
        job=request.job,
        stages=list(request.stages),
        status=Status.PENDING,
        code="preparing",
        sentence="Looking up the release's content.",
        note=request.note,
        requested_by=work.actor.name,
        created_at=work.now,
        updated_at=work.now,
    )
    work.add(release)
    work.flush()
    asked = {
        "job": request.job,
        "definition_version": request.definition_version,
        "stages": list(request.stages),
        "note": request.note,
    }
    record(work, release, "release.created", subject=release.id, data=asked)
    return release


def begin_asking(work: UnitOfWork, rollout: Rollout) -> None:
    """People are asked from now on."""
    rollout.asked_at, rollout.emergency = work.now, False
    work.add(rollout)
    work.flush()


def begin_round(work: UnitOfWork, rollout: Rollout) -> None:
    """What was said on this rollout so far is void."""
    rollout.round += 1
    rollout.emergency = False
    work.add(rollout)
    work.flush()


def break_glass(work: UnitOfWork, rollout: Rollout) -> None:
    """No freeze and no hold keeps it any more."""
    rollout.emergency = True
    work.add(rollout)
    work.flush()


def end_break_glass(work: UnitOfWork, rollout: Rollout) -> None:
    """Freezes and holds keep it as they keep others."""
    rollout.emergency = False
    work.add(rollout)
    work.flush()


def move_release(
    work: UnitOfWork,
    release: Release,
    status: Status,
    *,
    code: str,
    sentence: str,
) -> None:
    """The one place where a release's status changes. Raises Conflict when this state cannot follow."""
    _check(release.id, release.status, status, RELEASE_MAY_FOLLOW[release.status] | {release.status})
    unchanged = (release.status, release.code, release.sentence) == (status, code, sentence)
    if unchanged:
        return
    release.status, release.code, release.sentence = status, code, sentence
    release.finished_at = work.now if status.is_final else None
    record(
        work,
        release,
        f"release.{status.value}",
        subject=release.id,
        data={"code": code, "sentence": sentence},
    )


def move_rollout(
    work: UnitOfWork,
    rollout: Rollout,
    status: Status,
    *,
    code: str,
    sentence: str,
) -> None:
    """The one place where a rollout's status changes; its release follows."""
    _check(rollout.id, rollout.status, status, ROLLOUT_MAY_FOLLOW[rollout.status])
    rollout.status, rollout.code, rollout.sentence = status, code, sentence
    if status is Status.IN_PROGRESS and rollout.started_at is None:
        rollout.started_at = work.now
    rollout.paused_at = work.now if status is Status.PAUSED else None
    rollout.finished_at = work.now if status.is_final else None
    rollout.due_at = None  # whatever was to happen by itself is of the state before
    work.add(rollout)
    work.flush()
    release = work.get_one(Release, rollout.release_id)
    record(
        work,
        release,
        f"rollout.{status.value}",
        subject=rollout.id,
        data={"code": code, "sentence": sentence, "attempt": rollout.attempt},
    )
    _follow_rollouts(work, release)


def move_step(
    work: UnitOfWork,
    step: StepRun,
    status: StepStatus,
    *,
    code: str,
    sentence: str,
    output: Json | None = None,
    changed: bool | None = None,
    worker: str | None = None,
    wait_until: datetime | None = None,
    memory: Json | None = None,
) -> None:
    """The one place where a step run's status changes. ``worker``: who carries it out. ``memory``: None: what it has stays."""
    _check(step.id, step.status, status, STEP_MAY_FOLLOW[step.status])
    if status is StepStatus.RUNNING:
        step.attempts += step.status is not StepStatus.WAITING  # to go on after a wait is no further attempt
        step.started_at = step.started_at or work.now
        step.worker = worker or step.worker
    if status is StepStatus.PENDING:
        step.started_at, step.memory = None, None  # its time begins anew
    if memory is not None:
        step.memory = memory
    step.status, step.code, step.sentence, step.wait_until = status, code, sentence, wait_until
    if output is not None:
        step.output = output
    if changed is not None:
        step.changed = changed
    step.finished_at = work.now if status.is_final else None
    data = {
        "code": code,
        "sentence": sentence,
        "attempt": step.attempts,
        "output": output,
        "changed": changed,
        "worker": step.worker,
        **({} if wait_until is None else {"until": wait_until.isoformat()}),
    }
    _record_of_step(work, step, f"step.{status.value}", data=data)


def report_progress(work: UnitOfWork, step: StepRun, sentence: str) -> None:
    """What a running step is doing, for people who watch. Saying the same again is nothing."""
    if step.sentence == sentence or step.status is not StepStatus.RUNNING:
        return
    step.sentence = sentence
    _record_of_step(work, step, "step.reported", data={"sentence": sentence})


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
    work: UnitOfWork, rollout_id: str, sentence: str, *, attempt: int | None = None, steps: bool = True
) -> Status:
    """End a rollout that this service itself broke; its status then. One that has ended, or has a newer attempt, stays as it is.

    Without ``steps`` only what must be written is: a retry plans again whatever the steps are left at.
    """
    rollout, _, its_steps = lock_rollout(work, rollout_id)
    if rollout.status not in DRIVEN | TIMED or attempt not in {None, rollout.attempt}:
        return rollout.status
    if steps:
        for step in its_steps:
            if step.status is StepStatus.RUNNING:
                move_step(work, step, StepStatus.ERRORED, code=INTERNAL_ERROR, sentence=sentence)
        skip_what_is_left(work, its_steps, because=f"Not reached: {sentence}")
    move_rollout(work, rollout, Status.FAILED, code=INTERNAL_ERROR, sentence=sentence)
    return rollout.status


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


def ask_of(work: UnitOfWork, release: Release, control: Control, *, reason: str) -> None:
    """Note what is asked of a release that is under way; its steps look at this between two acts."""
    release.control = control
    asked = f"release.{control.value}_requested"
    record(work, release, asked, subject=release.id, data={"reason": reason})


def forget_what_was_asked(work: UnitOfWork, release: Release) -> None:
    """It goes on: what was asked of it before is done with. What it goes on as is the event."""
    release.control = None
    work.add(release)
    work.flush()


def plan_again(work: UnitOfWork, rollout: Rollout) -> None:
    """Let the steps that have not succeeded be carried out again: what is done stays done, what waits waits on."""
    for step in steps_of(work, rollout.id):
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


def _follow_rollouts(work: UnitOfWork, release: Release) -> None:
    ahead = rollout_ahead(work, release)
    if ahead is None:
        said = {"code": "released", "sentence": f"Released to {', '.join(release.stages)}."}
        move_release(work, release, Status.SUCCEEDED, **said)
    elif ahead.status is not Status.PENDING:
        said = {"code": ahead.code, "sentence": f"{ahead.stage}: {ahead.sentence}"}
        move_release(work, release, ahead.status, **said)


def _record_of_step(work: UnitOfWork, step: StepRun, kind: str, *, data: Json) -> None:
    work.add(step)
    release = work.get_one(Release, step.rollout_id.rpartition(":")[0])
    record(work, release, kind, subject=step.id, data=data)


def record(work: UnitOfWork, release: Release, kind: str, *, subject: str, data: Json) -> None:
    """Write an event on a release."""
    # Always the release's row before the chain's head: two writers that lock them crosswise would wait for each other.
    keep_locked(work, release.id)
    work.append_event(kind, subject=subject, release=release, data=data)


def _check(subject: str, now_is: State, wanted: State, allowed: Set[State]) -> None:
    if wanted not in allowed:
        raise Conflict(
            f"{subject} is {now_is.value} and cannot become {wanted.value}.",
            code="wrong_state",
            status=now_is.value,
        )
