"""The durable rollout: its steps in the order of their needs, independent ones side by side."""

from collections.abc import Mapping, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass

from dbos import DBOS

from app.execution.bounded import carry_out_bounded, internal_error
from app.execution.context import WorkerContext
from app.execution.residue import read_residue, say_residue
from app.execution.signals import LOOK_SECONDS
from app.execution.step_runs import End, Job, begin_steps, carry_out_step, record_end
from app.execution.turns import take_up
from app.planning.plan import On
from app.releases.locks import lock_rollout
from app.releases.order import outcome, ready
from app.releases.queries import under_way_at
from app.releases.service import INTERNAL_ERROR, fail_rollout, move_rollout, skip_what_is_left
from app.releases.states import DRIVEN, Control, Status, StepStatus
from app.releases.tables import Release, Rollout, StepRun
from app.releasing.advance import advance_release, may_begin
from app.releasing.asking import ask_others_anew
from app.releasing.names import CARRY_OUT_ROLLOUT
from app.releasing.work import Work
from app.steps.contract import Interrupted

SIDE_BY_SIDE = 32  # steps of one rollout: more than any plan has


@dataclass(frozen=True)
class Turn:
    """What one look at a rollout came to: the steps that have begun, or the rollout's status where nothing is left to do.

    ``first``: another one, which is under way at the same target and has to end before this one begins.
    """

    begun: list[Job]
    status: Status | None = None
    first: str | None = None


def register_rollout(worker: WorkerContext) -> None:
    """Make the workflow known to the engine. Before launch: a workflow that a worker does not know stays stuck in it."""

    @DBOS.workflow(name=CARRY_OUT_ROLLOUT, max_recovery_attempts=None)
    def carry_out(rollout_id: str) -> str:
        attempt = str(DBOS.workflow_id).rpartition(":")[2]
        return carry_out_rollout(worker, rollout_id, attempt=int(attempt)).value


def carry_out_rollout(worker: WorkerContext, rollout_id: str, *, attempt: int | None = None) -> Status:
    """Begin every step once what it needs has succeeded, until nothing more can begin; how it ended.

    Everything that it knows is in the rows: carried out again after a kill it goes on from there. ``attempt``: which one this is,
    None: the newest. Once there is a newer one, this one does nothing any more: two never drive a rollout at once.
    """

    def carry_out() -> Status:
        newest = worker.read(lambda session: session.get_one(Rollout, rollout_id).attempt)
        return _carry_out(worker, rollout_id, attempt=newest if attempt is None else attempt)

    return carry_out_bounded(
        worker,
        rollout_id,
        carry_out,
        fail=(
            lambda why, work: fail_rollout(work, rollout_id, why, attempt=attempt),
            lambda why, work: fail_rollout(work, rollout_id, why, attempt=attempt, steps=False),
        ),
    )


def _carry_out(worker: WorkerContext, rollout_id: str, *, attempt: int) -> Status:
    running: dict[Future[End], str] = {}
    ended: dict[str, End] = {}
    try:
        with ThreadPoolExecutor(SIDE_BY_SIDE, thread_name_prefix="step") as pool:
            while True:
                turn = _record_and_begin(worker, rollout_id, attempt, ended=ended, running=set(running.values()))
                for _ in range(len(ended)):
                    ended.popitem()
                    worker.signals.end_act()
                if turn.status is not None:
                    return turn.status
                if turn.first is not None:
                    _go_on_with(worker, turn.first)
                    continue
                for job in turn.begun:
                    worker.signals.begin_act()
                    running[pool.submit(carry_out_step, worker, job)] = job.step.id
                if not running:
                    return _finish_midway(worker, rollout_id, attempt)
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                ended |= {running[each]: each.result() for each in done}
                for each in done:
                    del running[each]
    finally:
        for _ in (*running, *ended):
            worker.signals.end_act()


def _go_on_with(worker: WorkerContext, rollout_id: str) -> None:
    """Bring a rollout to its end that is under way where it is another one's turn. While others drive it, wait a moment."""
    with worker.signals.act():
        attempt = worker.write(lambda work: take_up(work, worker, rollout_id))
        if attempt is None:
            worker.signals.pause_for(LOOK_SECONDS)
            worker.signals.require_going_on()
    if attempt is not None:
        carry_out_rollout(worker, rollout_id, attempt=attempt)


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
        for step in steps:
            if step.id in ended:
                record_end(work, step, ended[step.id], log_days=worker.settings.log_days)
        if rollout.status is Status.QUEUED:
            first = under_way_at(work, rollout)
            if first is not None:
                return Turn([], first=first)
            if may_begin(work, release, rollout):
                said = {"code": "in_progress", "sentence": "Under way."}
                move_rollout(work, rollout, Status.IN_PROGRESS, **said)
        if rollout.status not in {Status.IN_PROGRESS, Status.CANCELLING}:
            return Turn([], rollout.status)
        if all(step.status is StepStatus.SUCCEEDED for step in steps):
            return Turn([], _finish(work, release, rollout, steps))
        next_ones = [] if worker.signals.is_stopping else _next(steps, running, asked=release.control)
        return Turn(begin_steps(work, worker, release, rollout, next_ones))

    with worker.signals.act():
        return worker.write(act)


def _next(steps: list[StepRun], running: Set[str], *, asked: Control | None) -> list[StepRun]:
    """Steps to carry out now. What a kill cut off is brought to its end even where nothing new begins any more."""
    cut_off = [step for step in steps if step.status is StepStatus.RUNNING and step.id not in running]
    if asked is not None:
        return cut_off
    under_way = {step.key for step in steps if step.status is StepStatus.RUNNING}
    new = {planned.key for planned in ready(_planned(steps), _ends(steps), under_way)}
    return [*cut_off, *(step for step in steps if step.key in new)]


@dataclass(frozen=True)
class _Planned:
    key: str
    needs: tuple[str, ...]
    on: On = On.SUCCESS


def _planned(steps: list[StepRun]) -> list[_Planned]:
    return [_Planned(step.key, tuple(step.needs)) for step in steps]


def _ends(steps: list[StepRun]) -> dict[str, StepStatus]:
    return {step.key: step.status for step in steps if step.status.is_final}


def _finish_midway(worker: WorkerContext, rollout_id: str, attempt: int) -> Status:
    """End a rollout that did not get through, and say what it leaves in Azure. A worker that is stopped leaves that to another."""
    with worker.signals.act():
        worker.signals.require_going_on()
        left = say_residue(worker, worker.read(lambda session: read_residue(session, rollout_id)))

        def act(work: Work) -> Status:
            rollout, release, steps = lock_rollout(work, rollout_id)
            if rollout.attempt != attempt or rollout.status not in DRIVEN:
                return rollout.status
            return _finish(work, release, rollout, steps, left=left)

        return worker.write(act)


def _finish(work: Work, release: Release, rollout: Rollout, steps: list[StepRun], *, left: str = "") -> Status:
    """Add up the steps' ends; go on to the next stage."""
    ended = outcome(_planned(steps), _ends(steps), control=release.control)
    code, sentence = _why(ended, steps, rollout, left)
    if ended is not Status.PAUSED:
        broken = _broken(steps)
        # The sentence itself is the broken step's, the rollout's and the release's: four more times say nothing new.
        because = f"{broken.key} {broken.status}." if broken is not None else sentence
        skip_what_is_left(work, steps, because=f"Not reached: {because}")
    move_rollout(work, rollout, ended, code=code, sentence=sentence)
    if ended is Status.SUCCEEDED:
        advance_release(work, release)
        ask_others_anew(work, rollout)
    return ended


def _why(ended: Status, steps: list[StepRun], rollout: Rollout, left: str) -> tuple[str, str]:
    if ended is Status.SUCCEEDED:
        return "released", f"Released to {rollout.endpoint} as {rollout.deployment}."
    if ended is Status.PAUSED:
        return "paused", f"Paused. {left}"
    broken = _broken(steps)
    if broken is not None:
        return broken.code, f"{broken.key}: {broken.sentence}"
    return "cancelled", f"Cancelled. {left}"


def _broken(steps: list[StepRun]) -> StepRun | None:
    return next((step for step in steps if step.status in {StepStatus.FAILED, StepStatus.ERRORED}), None)
