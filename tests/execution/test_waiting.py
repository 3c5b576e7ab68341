"""A step that says "not yet": what is kept, what is held meanwhile, and what comes in between. Its kind exists for these tests only."""

import threading
from collections.abc import Callable
from concurrent.futures import wait
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event

from app.database.connection import Database
from app.execution.context import WorkerContext
from app.execution.reconcile import Reconciliation
from app.execution.rollout import carry_out_rollout, move_target
from app.execution.timers import Timer
from app.jobs.tables import TrainingJob
from app.planning.ids import release_of
from app.releases.at_target import whose_turn
from app.releases.queries import steps_of
from app.releases.states import Status, StepStatus
from app.releases.tables import Release, Rollout, StepRun
from app.releasing.control import cancel, pause, resume
from app.releasing.names import about_of
from app.releasing.work import Work
from app.steps.contract import Context, Done, Outcome, Refused, Waiting
from app.workers.service import WorkerIdentity, give_back
from tests.execution.instant import hands, worker
from tests.execution.rollouts import ANNA, TARGET, queue_rollout
from tests.instant import Hands, open_worker
from tests.releases.conftest import planned

__all__ = ["hands", "planned", "worker"]

HOUR = timedelta(hours=1)


@pytest.fixture(autouse=True)
def first(planned: str, database: Database) -> None:
    """The release that the others are made after; its job needs no polls."""
    with database.write() as session:
        release = session.get_one(Release, planned)
        session.get_one(TrainingJob, release.job_id).next_poll_at = None


def polls(worker: WorkerContext, times: int = 1, *, every: timedelta = HOUR) -> Callable[[Context], Outcome]:
    """A step that is not done before it has looked so often, and counts in its memory."""

    def poll(context: Context) -> Outcome:
        seen = context.memory.get("polls", 0)
        if seen >= times:
            return Done(f"Over after {seen} polls.", {"first_begun_at": context.first_begun_at.isoformat()})
        return Waiting(worker.now() + every, "Bakes.", {"polls": seen + 1})

    return poll


def step_of(worker: WorkerContext, rollout_id: str, key: str = "create_endpoint") -> StepRun:
    with worker.database.read() as session:
        return next(step for step in steps_of(session, rollout_id) if step.key == key)


def status_of(worker: WorkerContext, rollout_id: str) -> Status:
    with worker.database.read() as session:
        return session.get_one(Rollout, rollout_id).status


def let_time_pass(database: Database, rollout_id: str, much: timedelta) -> None:
    """As if everything had happened earlier."""
    with database.write() as session:
        rollout = session.get_one(Rollout, rollout_id)
        rollout.due_at = rollout.due_at and rollout.due_at - much
        rollout.paused_at = rollout.paused_at and rollout.paused_at - much
        for step in steps_of(session, rollout_id):
            step.started_at = step.started_at and step.started_at - much
            step.wait_until = step.wait_until and step.wait_until - much


def ring(worker: WorkerContext) -> None:
    """What is due now is done."""
    wait(Timer(worker).begin_due())


def drain(worker: WorkerContext, target: str = TARGET) -> int:
    """Carry out what the engine has for a target, as it would: one after the other. How many there were."""
    ids = [each for each in worker.queue.waiting_or_running() if about_of(each) == target]
    for each in ids:
        worker.queue.drop(each)
        move_target(worker, target)
    return len(ids)


def test_step_that_waits_is_carried_out_again_when_it_is_due_with_what_it_remembered(
    worker: WorkerContext, hands: Hands
) -> None:
    rollout_id = queue_rollout(worker)
    hands.acts["create_endpoint"] = polls(worker, 2)

    assert carry_out_rollout(worker, rollout_id) is Status.IN_PROGRESS
    waiting = step_of(worker, rollout_id)
    assert (waiting.status, waiting.sentence, waiting.memory) == (StepStatus.WAITING, "Bakes.", {"polls": 1})
    drain(worker)
    ring(worker)
    assert drain(worker) == 0, "it is not due yet"

    for _ in range(2):
        let_time_pass(worker.database, rollout_id, HOUR)
        ring(worker)
        assert drain(worker) == 1

    assert status_of(worker, rollout_id) is Status.SUCCEEDED
    ended = step_of(worker, rollout_id)
    assert ended.sentence == "Over after 2 polls."
    assert ended.attempts == 1, "waiting is no attempt"
    assert ended.output is not None
    assert ended.started_at is not None
    first = datetime.fromisoformat(ended.output["first_begun_at"])
    assert first == ended.started_at
    assert worker.now() - first > 2 * HOUR
    assert hands.seen.count("create_endpoint") == 3


def test_step_that_is_due_before_the_drive_ends_goes_on_in_it(worker: WorkerContext, hands: Hands) -> None:
    rollout_id = queue_rollout(worker)
    is_over = threading.Event()
    look = polls(worker, 3, every=timedelta(milliseconds=20))

    def poll(context: Context) -> Outcome:
        outcome = look(context)
        if isinstance(outcome, Done):
            is_over.set()
        return outcome

    hands.acts["create_endpoint"] = poll
    hands.acts["register_model"] = lambda _context: Done("Made.") if is_over.wait(60) else Done("Too late.")

    assert carry_out_rollout(worker, rollout_id) is Status.SUCCEEDED
    assert is_over.is_set()
    assert step_of(worker, rollout_id, "register_model").sentence == "Made."


def test_nobody_else_moves_the_target_while_a_step_waits_and_the_first_in_the_queue_does_afterwards(
    worker: WorkerContext, hands: Hands
) -> None:
    one, two, three = queue_rollout(worker), queue_rollout(worker), queue_rollout(worker)
    hands.acts["create_endpoint"] = polls(worker)
    drain(worker)
    assert [status_of(worker, each) for each in (one, two, three)] == ["in_progress", "queued", "queued"]
    assert drain(worker) == 0, "the engine has nothing more of those that wait for their turn"

    let_time_pass(worker.database, one, HOUR)
    ring(worker)
    drain(worker)
    assert status_of(worker, one) is Status.SUCCEEDED
    assert drain(worker) == 1, "told in the same transaction"
    assert [status_of(worker, each) for each in (two, three)] == ["in_progress", "queued"]


def test_paused_step_that_waits_keeps_its_memory_and_the_time_that_was_left(
    worker: WorkerContext, hands: Hands
) -> None:
    rollout_id = queue_rollout(worker, timeout=3 * HOUR)
    hands.acts["create_endpoint"] = polls(worker)
    drain(worker)
    with Work(worker.releasing, ANNA).transaction() as work:
        pause(work, release_of(rollout_id))
    assert drain(worker) == 1, "at once: nothing runs"
    assert status_of(worker, rollout_id) is Status.PAUSED
    assert step_of(worker, rollout_id).memory == {"polls": 1}

    let_time_pass(worker.database, rollout_id, 10 * HOUR)
    ring(worker)
    assert drain(worker) == 0
    with Work(worker.releasing, ANNA).transaction() as work:
        resume(work, release_of(rollout_id))
    drain(worker)
    left = step_of(worker, rollout_id).wait_until
    assert left is not None
    assert abs(left - worker.now() - HOUR) < timedelta(minutes=5), "the pause was none of its time"

    let_time_pass(worker.database, rollout_id, HOUR)
    ring(worker)
    drain(worker)
    assert status_of(worker, rollout_id) is Status.SUCCEEDED
    assert hands.seen.count("create_endpoint") == 2


def test_paused_rollout_that_waits_frees_its_target(worker: WorkerContext, hands: Hands) -> None:
    one, two = queue_rollout(worker), queue_rollout(worker)
    hands.acts["create_endpoint"] = polls(worker)
    drain(worker)
    with Work(worker.releasing, ANNA).transaction() as work:
        pause(work, release_of(one))
    drain(worker)
    drain(worker)

    assert [status_of(worker, each) for each in (one, two)] == ["paused", "in_progress"]


def test_cancelled_step_that_waits_ends_at_once_and_its_record_stays(worker: WorkerContext, hands: Hands) -> None:
    rollout_id = queue_rollout(worker)
    hands.acts["create_endpoint"] = polls(worker)
    drain(worker)
    begun_at = step_of(worker, rollout_id).started_at
    with Work(worker.releasing, ANNA).transaction() as work:
        cancel(work, release_of(rollout_id))
    assert drain(worker) == 1

    assert status_of(worker, rollout_id) is Status.CANCELLED
    step = step_of(worker, rollout_id)
    assert (step.status, step.memory, step.started_at) == (StepStatus.CANCELLED, {"polls": 1}, begun_at)


def test_timeout_counts_from_the_first_begin(worker: WorkerContext, hands: Hands) -> None:
    rollout_id = queue_rollout(worker, timeout=90 * HOUR)
    hands.acts["create_endpoint"] = polls(worker, every=1000 * HOUR)
    drain(worker)

    let_time_pass(worker.database, rollout_id, 90 * HOUR)
    ring(worker)
    assert drain(worker) == 1
    step = step_of(worker, rollout_id)
    assert (step.status, step.code) == (StepStatus.ERRORED, "timed_out")
    assert status_of(worker, rollout_id) is Status.FAILED


def test_step_that_waits_is_not_waited_for_once_another_one_has_failed(worker: WorkerContext, hands: Hands) -> None:
    rollout_id = queue_rollout(worker)

    def refuse(_context: Context) -> Done:
        raise Refused("Not this one.")

    hands.acts["create_endpoint"] = polls(worker)
    hands.acts["register_model"] = refuse
    drain(worker)

    assert status_of(worker, rollout_id) is Status.FAILED
    assert step_of(worker, rollout_id).status is StepStatus.CANCELLED


def test_worker_that_is_stopped_while_a_step_polls_keeps_its_memory(worker: WorkerContext, hands: Hands) -> None:
    rollout_id = queue_rollout(worker)
    look = polls(worker)

    def stopped(context: Context) -> Outcome:
        if context.memory:
            worker.signals.stop()
            context.checkpoint()
        return look(context)

    hands.acts["create_endpoint"] = stopped
    drain(worker)
    let_time_pass(worker.database, rollout_id, HOUR)
    assert carry_out_rollout(worker, rollout_id) is Status.IN_PROGRESS

    step = step_of(worker, rollout_id)
    assert (step.status, step.memory, step.attempts) == (StepStatus.WAITING, {"polls": 1}, 1)
    assert step.wait_until is not None
    assert step.wait_until <= worker.now(), "whoever goes on begins at once"


@pytest.mark.parametrize("is_gone", [True, False], ids=["older-worker-gone", "older-worker-lives"])
def test_worker_of_a_newer_version_goes_on_with_what_an_older_one_left_waiting(
    worker: WorkerContext, hands: Hands, is_gone: bool
) -> None:
    rollout_id = queue_rollout(worker)
    hands.acts["create_endpoint"] = polls(worker)
    drain(worker)
    left = step_of(worker, rollout_id)
    if is_gone:
        with worker.database.write() as session:
            give_back(session, worker.identity.id)
    newer_hands = Hands()
    newer = open_worker(
        worker.settings,
        worker.database,
        newer_hands,
        identity=WorkerIdentity(id="worker-2", host="there", pid=2, version="1"),
    )
    newer_hands.acts["create_endpoint"] = polls(newer, 2)
    ring(newer)
    assert drain(newer) == 0, "it is not due yet"

    for _ in range(2):
        let_time_pass(worker.database, rollout_id, HOUR)
        ring(newer)
        assert drain(newer) == 1

    ended = step_of(newer, rollout_id)
    assert status_of(newer, rollout_id) is Status.SUCCEEDED
    assert (ended.sentence, ended.attempts, ended.worker) == ("Over after 2 polls.", 1, "worker-2")
    assert (left.memory, ended.memory) == ({"polls": 1}, {"polls": 2})
    assert (hands.seen.count("create_endpoint"), newer_hands.seen.count("create_endpoint")) == (1, 2)
    assert left.started_at is not None
    assert ended.output == {"first_begun_at": (left.started_at - 2 * HOUR).isoformat()}


@pytest.mark.parametrize("is_due", [False, True])
def test_rollout_that_waits_comes_home_when_the_engine_was_emptied(
    worker: WorkerContext, hands: Hands, is_due: bool
) -> None:
    rollout_id = queue_rollout(worker)
    hands.acts["create_endpoint"] = polls(worker)
    drain(worker)
    if is_due:
        let_time_pass(worker.database, rollout_id, HOUR)
        ring(worker)
    for each in worker.queue.waiting_or_running():
        worker.queue.drop(each)

    assert (TARGET in Reconciliation(worker, restore_queues=lambda: None).look()) == is_due
    let_time_pass(worker.database, rollout_id, HOUR)
    ring(worker)
    drain(worker)
    assert status_of(worker, rollout_id) is Status.SUCCEEDED


def test_two_workers_timers_wake_a_rollout_once(worker: WorkerContext, hands: Hands) -> None:
    rollout_id = queue_rollout(worker)
    hands.acts["create_endpoint"] = polls(worker)
    drain(worker)
    let_time_pass(worker.database, rollout_id, HOUR)

    wait([*Timer(worker).begin_due(), *Timer(worker).begin_due()])

    assert drain(worker) == 1


@pytest.mark.slow
def test_many_that_wait_hold_nothing(worker: WorkerContext, hands: Hands) -> None:
    hands.acts["create_endpoint"] = polls(worker)
    threads = threading.active_count()
    many = [queue_rollout(worker, target=f"sub/rg/ws/ep-{number}") for number in range(500)]
    for rollout_id in many:
        assert carry_out_rollout(worker, rollout_id) is Status.IN_PROGRESS
    for each in worker.queue.waiting_or_running():
        worker.queue.drop(each)

    assert threading.active_count() == threads
    assert worker.database.engine.pool.checkedout() == 0  # type: ignore[attr-defined] # a pool that counts
    assert Reconciliation(worker, restore_queues=lambda: None).look() == []
    with worker.database.read() as session:
        # Who is at work, and which are due: rollouts, jobs, targets to be swept, targets to be compared.
        assert statements_of_a_round(worker) == 5
        assert whose_turn(session, "sub/rg/ws/ep-499") is not None


def statements_of_a_round(worker: WorkerContext) -> int:
    """How often the database is asked when nothing is due."""
    asked: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        if " FROM " in statement.replace("\n", " "):
            asked.append(statement)

    event.listen(worker.database.engine, "before_cursor_execute", note)
    try:
        assert Timer(worker).begin_due() == []
    finally:
        event.remove(worker.database.engine, "before_cursor_execute", note)
    return len(asked)
