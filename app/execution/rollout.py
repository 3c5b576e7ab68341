"""The durable rollout: its steps in the order of their needs, independent ones side by side.

A workflow of the engine carries on whatever moves its target, as far as it goes now: to the rollout's end, to where all that is left
waits, or to the next safe points of a worker that is stopped. Then it ends. What comes next stands in the rows: the engine is told
of it in the same transaction, or a timer is, by the time when it is due.
"""

from collections.abc import Mapping, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from sqlmodel import Session
from structlog.contextvars import bind_contextvars, get_contextvars

from app.errors import Conflict
from app.execution.bounded import carry_out_bounded, internal_error
from app.execution.context import WorkerContext
from app.execution.giving_up import end_as_it_is, ways_to_give_up, what_is_left
from app.execution.progress import STEP_NOT_ON_RECORD, Progress
from app.execution.residue import Left, look_at_residue, read_residue
from app.execution.step_runs import End, Job, begin_steps, carry_out_step, record_end
from app.execution.workflows import register_workflow
from app.planning.kinds import ShiftTraffic
from app.planning.purpose import Purpose
from app.planning.sources import read_source
from app.releases.asked import forget_what_was_asked
from app.releases.at_target import under_way_at, whose_turn
from app.releases.attempts import INTERNAL_ERROR, set_due, skip_what_is_left
from app.releases.locks import lock_rollout
from app.releases.queries import PLAN_NOT_ON_RECORD, last_asked
from app.releases.service import move_rollout
from app.releases.states import DRIVEN, Control, Status, StepStatus
from app.releases.tables import Release, Rollout, StepRun
from app.releasing.advance import advance_release, end_soaks_in_vain, free_target, may_begin
from app.releasing.asking import ask_others_anew
from app.releasing.freezing import hold_after_failure, hold_after_rollback
from app.releasing.names import MOVE_TARGET
from app.releasing.stopping import said_of_end
from app.releasing.work import Work
from app.serving.queries import serving_now
from app.serving.service import At, record_observed
from app.steps.contract import Interrupted
from app.workers.queries import live_ids

SIDE_BY_SIDE = 32  # steps of one rollout: more than any plan has


@dataclass(frozen=True)
class Turn:
    """What one look at a rollout came to: the steps that have begun, or the rollout's status where it goes no further now."""

    begun: list[Job]
    status: Status | None = None
    next_in: timedelta | None = None  # when a step that waits beside those that run is due


def register_rollouts(worker: WorkerContext) -> None:
    """Make the workflow known to the engine."""
    register_workflow(worker, MOVE_TARGET, move_target)


def move_target(worker: WorkerContext, target: str) -> Status | None:
    """Carry on the rollout whose turn it is at a target; its status then. None: there is none."""
    rollout = worker.read(lambda session: whose_turn(session, target))
    return None if rollout is None else carry_out_rollout(worker, rollout.id, attempt=rollout.attempt)


def carry_out_rollout(worker: WorkerContext, rollout_id: str, *, attempt: int | None = None) -> Status:
    """Begin every step once what it needs has succeeded, until nothing more can begin now; the rollout's status then.

    Everything that it knows is in the rows: carried out again after a kill it goes on from there. ``attempt``: which one this is,
    None: the newest. Once there is a newer one, this one does nothing any more: two never drive a rollout at once.
    """
    rollout = worker.read(lambda session: session.get_one(Rollout, rollout_id))
    attempt = rollout.attempt if attempt is None else attempt
    if rollout_id in worker.driven:
        return rollout.status

    return carry_out_bounded(
        worker,
        rollout_id,
        lambda: _carry_out(worker, rollout_id, attempt=attempt),
        requeue=lambda work: work.queue.move_target(work, rollout.target),
        fail=ways_to_give_up(rollout_id, attempt=attempt),
    )


def is_driven_elsewhere(session: Session, worker: WorkerContext, steps: list[StepRun]) -> bool:
    """By a worker that is at one of its steps, whatever the engine knows of it: no step is carried out twice at once."""
    at_it = {step.worker for step in steps if step.status is StepStatus.RUNNING} - {worker.identity.id}
    return bool(at_it) and not at_it.isdisjoint(live_ids(session))


def _carry_out(worker: WorkerContext, rollout_id: str, *, attempt: int) -> Status:
    running: dict[Future[End], str] = {}
    ended: dict[str, End] = {}
    log_as_here = partial(bind_contextvars, **get_contextvars())
    with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="step", initializer=log_as_here) as pool:
        while True:
            turn = _record_and_begin(worker, rollout_id, attempt, ended=ended, running=set(running.values()))
            if turn.status is not None:
                return turn.status
            running |= {pool.submit(carry_out_step, worker, job): job.step.id for job in turn.begun}
            if not running:
                return _finish_midway(worker, rollout_id, attempt)
            seconds = None if turn.next_in is None else turn.next_in.total_seconds()
            done, _ = wait(running, timeout=seconds, return_when=FIRST_COMPLETED)
            ended = {running.pop(each): each.result() for each in done}


def _record_and_begin(
    worker: WorkerContext, rollout_id: str, attempt: int, *, ended: Mapping[str, End], running: Set[str]
) -> Turn:
    """A turn. Where it cannot be written as it was, it is once more in full, then with nothing but how each step ended."""
    for _ in range(2):
        try:
            return _take_turn(worker, rollout_id, attempt, ended=ended, running=running)
        except Interrupted:
            raise
        except Exception as broken:
            if not ended:
                raise
            sentence = internal_error(worker, broken, subject=rollout_id)
    least = {step: End(StepStatus.ERRORED, INTERNAL_ERROR, f"Its end was not written. {sentence}") for step in ended}
    return _take_turn(worker, rollout_id, attempt, ended=least, running=running)


def _take_turn(
    worker: WorkerContext, rollout_id: str, attempt: int, *, ended: Mapping[str, End], running: Set[str]
) -> Turn:
    """Record what has ended and begin what comes next, in one transaction: between two steps nothing is to be waited for."""

    def act(work: Work) -> Turn:
        rollout, release, steps = lock_rollout(work, rollout_id)
        if rollout.attempt != attempt or rollout.status not in DRIVEN:
            return Turn([], rollout.status)  # somebody else drives it now, or it was ended
        if is_driven_elsewhere(work, worker, steps):
            return Turn([], rollout.status)
        for step in steps:
            if step.id in ended:
                record_end(work, release, rollout, step, ended[step.id], log_days=worker.settings.log_days)
        if worker.signals.is_stopping:
            return Turn([]) if running else _let_go(work, rollout)
        try:
            if rollout.status is Status.QUEUED and not _begin(work, release, rollout):
                return Turn([], rollout.status)
            progress = Progress(worker.record.plan(work, rollout.id, rollout.plan_digest), steps)
        except Conflict as no:
            if no.code not in {PLAN_NOT_ON_RECORD, STEP_NOT_ON_RECORD}:
                raise
            status = end_as_it_is(work, rollout.id, str(no), code=no.code)
            free_target(work, rollout.target)
            return Turn([], status)
        if progress.outcome(release.control) is Status.SUCCEEDED:
            return Turn([], _finish(work, release, rollout, progress))
        next_ones = progress.next_steps(running, asked=release.control, now=work.now)
        if progress.brings_back(next_ones) and rollout.status is not Status.ROLLING_BACK:
            _go_back(work, release, rollout, progress)
        begun = begin_steps(work, worker, release, rollout, next_ones)
        due_at = progress.next_due(release.control)
        if begun or running or due_at is None:
            return Turn(begun, next_in=None if due_at is None else due_at - work.now)
        set_due(work, rollout, due_at)
        return Turn([], rollout.status)

    return worker.write(act)


def _begin(work: Work, release: Release, rollout: Rollout) -> bool:
    """Its turn has come, unless another one is under way there. If it may not begin after all, the next one's turn has come."""
    if under_way_at(work, rollout) is not None:
        return False
    if not may_begin(work, release, rollout):
        free_target(work, rollout.target)
        return False
    move_rollout(work, rollout, Status.IN_PROGRESS, code="in_progress", sentence="Under way.")
    return True


def _go_back(work: Work, release: Release, rollout: Rollout, progress: Progress) -> None:
    """Something failed, or people cancelled it midway. That is neither paused nor cancelled: what was asked stays only as the reason."""
    broken = progress.broken
    code, why = _asked(work, release) if broken is None else (broken.code, f"{broken.key} {broken.status}.")
    if broken is not None:
        forget_what_was_asked(work, release)
    move_rollout(work, rollout, Status.ROLLING_BACK, code=code, sentence=f"{why} Bringing back what was changed.")


def _let_go(work: Work, rollout: Rollout) -> Turn:
    """Every step is at a safe point: another worker goes on from there."""
    work.queue.move_target(work, rollout.target)
    return Turn([], rollout.status)


def _finish_midway(worker: WorkerContext, rollout_id: str, attempt: int) -> Status:
    """End a rollout that did not get through; where people ended it, say what it leaves in Azure. What was found there is on record.

    A worker that is stopped leaves that to another.
    """
    worker.signals.require_going_on()
    residue = worker.read(lambda session: read_residue(session, rollout_id))
    left = Left() if residue is None else look_at_residue(worker, residue)

    def act(work: Work) -> Status:
        rollout, release, steps = lock_rollout(work, rollout_id)
        if rollout.attempt != attempt or rollout.status not in DRIVEN:
            return rollout.status
        progress = Progress(worker.record.plan(work, rollout.id, rollout.plan_digest), steps)
        if left.observed is not None:
            at = At(rollout.target, model=release.model, stage=rollout.stage, release=release)
            record_observed(work, at, left.observed)
        return _finish(work, release, rollout, progress, left=left.sentence)

    return worker.write(act)


def _finish(work: Work, release: Release, rollout: Rollout, progress: Progress, *, left: str = "") -> Status:
    """Add up the steps' ends; go on to the next stage."""
    ended = progress.outcome(release.control)
    code, sentence = _why(work, ended, progress, release, rollout, left)
    if ended is Status.FAILED and progress.goes_back(release.control):
        sentence += f" {what_is_left(work, release, rollout)}"
    if ended is Status.SUCCEEDED:
        skip_what_is_left(work, progress.steps, because="Not needed: nothing failed.")
    elif ended is not Status.PAUSED:
        broken = progress.broken_on_the_way_back or progress.broken
        # The sentence itself is the broken step's, the rollout's and the release's: four more times say nothing new.
        because = f"{broken.key} {broken.status}." if broken is not None else sentence
        skip_what_is_left(work, progress.steps, because=f"Not reached: {because}")
    move_rollout(work, rollout, ended, code=code, sentence=sentence)
    if release.purpose is Purpose.ROLLBACK and ended.is_final and _serves(work, rollout):
        hold_after_rollback(work, release, rollout)  # also where it did not get through after it had moved the traffic
    elif ended is Status.ROLLED_BACK or (ended is Status.FAILED and progress.goes_back(release.control)):
        hold_after_failure(work, release, rollout)  # automation must not push the same once more
    if ended is Status.SUCCEEDED:
        advance_release(work, release)
    ask_others_anew(work, rollout)  # what did not get through may have moved traffic before
    if ended.is_final:
        end_soaks_in_vain(work, rollout)
    free_target(work, rollout.target)
    return ended


def _serves(work: Work, rollout: Rollout) -> bool:
    """Whether it has brought its deployment traffic, as far as is on record."""
    return any(each.weight and each.deployment == rollout.deployment for each in serving_now(work, rollout.target))


def _asked(work: Work, release: Release) -> tuple[str, str]:
    """What was asked of it: a code, and a sentence that says by whom and why."""
    control = release.control or Control.CANCEL
    who, reason = last_asked(work, release.id, control)
    said = said_of_end(control, who, reason)
    sentence = said if said.endswith((".", "!", "?")) else f"{said}."
    return "aborted" if control is Control.ABORT else "cancelled", sentence


def _why(
    work: Work, ended: Status, progress: Progress, release: Release, rollout: Rollout, left: str
) -> tuple[str, str]:
    if ended is Status.SUCCEEDED and release.purpose.goes_back:
        source = read_source(release.source).name
        return "went_back", f"{rollout.endpoint} went back to {source}: {rollout.deployment} serves."
    if ended is Status.SUCCEEDED:
        if rollout.deployment is None:
            return "adopted", f"{rollout.endpoint} was adopted as it was."
        return "released", f"Released to {rollout.endpoint} as {rollout.deployment}."
    if ended is Status.PAUSED:
        return "paused", f"Paused. {left}"
    broken, stuck = progress.broken, progress.broken_on_the_way_back
    is_back = ended is Status.ROLLED_BACK or (ended is Status.CANCELLED and progress.goes_back(release.control))
    if broken is None and stuck is None and not is_back:
        code, said = _asked(work, release)
        return code, f"{said} {left}"
    code, sentence = _asked(work, release) if broken is None else (broken.code, f"{broken.key}: {broken.sentence}")
    if is_back:
        sentence += " What was changed before was brought back."
    elif release.purpose.goes_back and not progress.has_begun(ShiftTraffic.kind):
        sentence += " The traffic was not changed."
    elif stuck is not None:
        sentence += f" It could not be brought back: {stuck.key}: {stuck.sentence}"
    return code, sentence
