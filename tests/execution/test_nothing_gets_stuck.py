"""Whatever breaks in a workflow's body, at whatever write: it ends, our rows say so, and people can go on from there."""

import itertools
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, select

from app.azureml.errors import BadRequest
from app.bundles.archive import archive_digest
from app.bundles.store import keep
from app.database.connection import Database
from app.definitions.tables import DefinitionVersion
from app.events.tables import Event
from app.events.work import UnitOfWork
from app.execution.context import WorkerContext
from app.execution.dry_run import carry_out_dry_run
from app.execution.poll_jobs import LOST_AFTER, poll_job
from app.execution.prepare import prepare_release
from app.execution.reconcile import MOST_IN_A_ROW, MOST_WITH_LOSSES, Reconciliation
from app.execution.rollout import carry_out_rollout
from app.execution.timers import wake_rollout
from app.identity.actor import SERVICE, Actor
from app.identity.roles import Grant, Role
from app.jobs.service import LOST, REFUSED, SUBMITTING
from app.jobs.tables import TrainingJob
from app.planning.ids import release_of
from app.planning.sources import JobSource, read_source
from app.releases.attempts import begin_attempt, renew_attempt, set_due
from app.releases.attested import ROW, row_digest
from app.releases.dry_runs import begin_dry_run
from app.releases.locks import lock_rollout
from app.releases.planning import plan_release
from app.releases.service import Request, create_release, move_rollout
from app.releases.states import DryRunState, Status
from app.releases.tables import DryRun, Release, Rollout
from app.releasing.control import cancel, retry
from app.releasing.work import Work
from app.steps.contract import Context, Done
from app.workers.queries import WORKER_LOST
from tests.bundles.tars import tar_of
from tests.execution.breaking import Broken, refusing, refusing_statements
from tests.execution.instant import hands, worker
from tests.instant import Hands
from tests.planning.examples import CONTENT, a_plan
from tests.releases.conftest import planned
from tests.strategies.content import definition
from tests.waiting import PATIENCE_SECONDS

__all__ = ["hands", "planned", "worker"]

ANNA = Actor(name="anna", via="cli", grants=(Grant(Role.ADMIN),))
NOT_DRIVEN = {Status.SUCCEEDED, Status.FAILED}
DUE_BY_THEMSELVES = {"timer", "job"}  # the engine has nothing of it that could be lost
TARGET = "sub/rg/ws/dev"


def now() -> datetime:
    return datetime.now(UTC)


def another(work: UnitOfWork, *, stages: tuple[str, ...] = ("dev",)) -> Release:
    """One more release of the planned one's job."""
    first = work.get_one(Release, "churn-1")
    asked = Request("churn", first.definition_id, 1, read_source(first.source), stages, job_id=first.job_id)
    return create_release(work, asked, mark="abcd")


def queued(worker: WorkerContext) -> str:
    """A rollout of a release of its own that waits in the queue."""
    with UnitOfWork(worker.database, ANNA).transaction() as work:
        release = another(work)
        (rollout,) = plan_release(work, release, CONTENT, [a_plan("dev", endpoint="dev")])
        begin_attempt(work, rollout)
        worker.queue.move_target(work, rollout.target)
        return rollout.id


def apply_definition(work: UnitOfWork) -> None:
    """Give the planned release's definition its content and files, on record as the service would have it."""
    version = work.exec(select(DefinitionVersion)).one()
    archive = tar_of(("golden.json", b"[]"))
    version.bundle_digest = keep(work, archive, digest=archive_digest(archive), now=now())
    version.content = definition().model_dump(mode="json")
    work.add(version)
    said = {ROW: row_digest(version)}
    work.append_event("model.applied", subject="churn@1", model="churn", data=said)


def pending(worker: WorkerContext) -> str:
    """A release that waits to be prepared."""
    with Work(worker.releasing, ANNA).transaction() as work:
        apply_definition(work)
        release = another(work)
        work.queue.prepare_release(work, release.id)
        return release.id


def dry_run(worker: WorkerContext) -> str:
    with UnitOfWork(worker.database, ANNA).transaction() as work:
        apply_definition(work)
        asked: dict[str, Any] = {"model": "churn", "definition_version": 1, "source": JobSource(job="job-1")}
        run = begin_dry_run(work, **asked, stages=["dev"])
        worker.queue.plan_dry_run(work, run.id)
        return run.id


def scheduled(worker: WorkerContext) -> str:
    """A rollout whose freeze has ended."""
    rollout_id = queued(worker)
    with UnitOfWork(worker.database, SERVICE).transaction() as work:
        rollout = work.get_one(Rollout, rollout_id)
        move_rollout(work, rollout, Status.SCHEDULED, code="frozen", sentence="Frozen.")
        set_due(work, rollout, now())
    return rollout_id


def job(worker: WorkerContext) -> str:
    with worker.database.write() as session:
        found = session.get_one(TrainingJob, session.get_one(Release, "churn-1").job_id)
        made = TrainingJob(
            **{**found.model_dump(exclude={"id"}), "name": f"job-{len(session.exec(select(TrainingJob)).all()) + 1}"}
        )
        session.add(made)
        session.flush()
        assert made.id is not None
        return str(made.id)


def rollout_rests(session: Session, rollout_id: str) -> bool:
    rollout = session.get_one(Rollout, rollout_id)
    return rollout.status in NOT_DRIVEN and session.get_one(Release, rollout.release_id).status in NOT_DRIVEN


# What makes a row, what carries it out, and whether it rests afterwards.
BODIES: dict[
    str, tuple[Callable[[WorkerContext], str], Callable[[WorkerContext, str], Any], Callable[[Session, str], bool]]
] = {
    "rollout": (queued, carry_out_rollout, rollout_rests),
    "prepare": (
        pending,
        prepare_release,
        lambda session, subject: session.get_one(Release, subject).status in {Status.QUEUED, Status.FAILED},
    ),
    "dry_run": (
        dry_run,
        carry_out_dry_run,
        lambda session, subject: session.get_one(DryRun, subject).state is not DryRunState.PENDING,
    ),
    "timer": (
        scheduled,
        wake_rollout,
        lambda session, subject: session.get_one(Rollout, subject).status in {Status.QUEUED, Status.FAILED},
    ),
    # Azure does not answer here: that is stored, and the next poll has its time.
    "job": (
        job,
        lambda worker, subject: poll_job(worker, int(subject)),
        lambda session, subject: session.get_one(TrainingJob, int(subject)).checked_at is not None,
    ),
}


@pytest.fixture(autouse=True)
def first(planned: str) -> str:
    """The first release, which the others are made after."""
    return planned


@pytest.mark.parametrize("name", BODIES)
def test_every_write_may_be_refused_once(worker: WorkerContext, name: str) -> None:
    make, carry_out, rests = BODIES[name]
    for number in itertools.count(1):
        subject = make(worker)
        with refusing(worker.database, number.__eq__) as strikes:
            carry_out(worker, subject)
        with worker.database.read() as session:
            assert rests(session, subject), f"{subject}, write {number}"
        if not strikes.refused:
            break
    assert number > 1


@pytest.mark.parametrize("name", BODIES)
def test_every_write_from_some_on_may_be_refused_until_somebody_mends_the_database(
    worker: WorkerContext, name: str
) -> None:
    """Not even the failure can be written then. Once writes go through again, the reconciliation brings it home."""
    make, carry_out, rests = BODIES[name]
    for number in itertools.count(1, step=3):
        subject = make(worker)
        with refusing(worker.database, number.__le__) as strikes, suppress(Broken):  # the engine notes it as its end
            carry_out(worker, subject)
        with_engine_over(worker.database)
        Reconciliation(worker, restore_queues=lambda: None).look()
        carry_out(worker, subject)
        with worker.database.read() as session:
            assert rests(session, subject), f"{subject}, write {number}"
        if not strikes.refused:
            break
    assert number > 1


def with_engine_over(database: Database) -> None:
    """As the engine leaves workflows that raised."""
    with database.write() as session:
        session.connection().execute(text(f"UPDATE {engine_table(database)} SET status = 'ERROR'"))  # noqa: S608 - one of two names


def engine_table(database: Database, name: str = "workflow_status") -> str:
    return name if database.url.startswith("sqlite") else f"dbos.{name}"


def test_end_that_cannot_be_written_is_left_out_and_can_be_retried(
    worker: WorkerContext, hands: Hands, database: Database
) -> None:
    rollout_id = queued(worker)
    hands.acts["create_endpoint"] = lambda _context: Done("Made.", {"odd": {object()}})

    with refusing_statements(
        database, lambda statement: statement.startswith("UPDATE step_run") and "output" in statement
    ):
        assert carry_out_rollout(worker, rollout_id) is Status.FAILED

    with database.read() as session:
        rollout = session.get_one(Rollout, rollout_id)
        release = session.get_one(Release, rollout.release_id)
        assert (release.status, release.code) == (Status.FAILED, "internal_error")
        assert "Broken: the write was refused. See incident " in rollout.sentence
        assert "in the log of worker worker-1." in rollout.sentence
        assert "nobody's business" not in rollout.sentence
    with Work(worker.releasing, ANNA).transaction() as work:
        retry(work, release.id)
    assert carry_out_rollout(worker, rollout_id) is Status.SUCCEEDED


def test_what_breaks_between_turns_fails_the_rollout_and_gives_up_its_acts(
    worker: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    rollout_id = queued(worker)
    monkeypatch.setattr("app.execution.rollout.begin_steps", lambda *_: (_ for _ in ()).throw(KeyError("odd")))

    assert carry_out_rollout(worker, rollout_id) is Status.FAILED
    assert worker.driven.wait_until_nothing(0)


def test_nothing_stays_begun_when_steps_run_while_a_turn_breaks(
    worker: WorkerContext, hands: Hands, database: Database
) -> None:
    rollout_id = queued(worker)
    first_is_over = threading.Event()

    def first(_context: Context) -> Done:
        first_is_over.set()
        return Done("Made.")

    hands.acts["register_model"] = first
    hands.acts["create_endpoint"] = lambda _context: Done("Made.") if first_is_over.wait(PATIENCE_SECONDS) else Done("")

    with refusing_statements(
        database, lambda statement: statement.startswith("UPDATE step_run") and first_is_over.is_set()
    ):
        assert carry_out_rollout(worker, rollout_id) is Status.FAILED

    assert worker.driven.wait_until_nothing(0)
    with database.read() as session:
        assert session.get_one(Rollout, rollout_id).status is Status.FAILED


def test_rollout_that_broke_while_it_was_cancelled_ends(worker: WorkerContext, hands: Hands) -> None:
    rollout_id = queued(worker)

    def cancelled(_context: Context) -> Done:
        with Work(worker.releasing, ANNA).transaction() as work:
            cancel(work, release_of(rollout_id))
        raise KeyError("odd")

    hands.acts["create_endpoint"] = cancelled
    with refusing_statements(
        worker.database, lambda statement: statement.startswith("UPDATE step_run") and "finished_at" in statement
    ):
        carry_out_rollout(worker, rollout_id)

    with worker.database.read() as session:
        assert session.get_one(Rollout, rollout_id).status.is_final


def test_job_that_is_not_seen_is_looked_at_again_and_given_up_in_the_end(
    worker: WorkerContext, database: Database
) -> None:
    number = int(job(worker))
    with database.write() as session:
        session.get_one(TrainingJob, number).unanswered = LOST_AFTER

    with refusing_statements(
        database, lambda statement: statement.startswith("UPDATE training_job") and "unanswered" in statement
    ):
        poll_job(worker, number)

    with database.read() as session:
        assert session.get_one(TrainingJob, number).is_final


@pytest.mark.parametrize(("status", "ends"), [(SUBMITTING, REFUSED), ("Running", LOST)])
def test_job_that_cannot_be_followed_ends_and_says_where_to_look(
    worker: WorkerContext, database: Database, monkeypatch: pytest.MonkeyPatch, status: str, ends: str
) -> None:
    number = int(job(worker))
    with database.write() as session:
        session.get_one(TrainingJob, number).status = status
    monkeypatch.setattr("app.execution.poll_jobs.get_job", lambda *_: (_ for _ in ()).throw(RecursionError("too deep")))

    assert poll_job(worker, number) == ends
    with database.read() as session:
        found = session.get_one(TrainingJob, number)
        assert found.is_final
        assert found.code == "internal_error"
        assert "RecursionError: too deep. See incident " in found.sentence
        assert found.ended_at is not None


def test_job_whose_answer_the_sdk_cannot_read_is_looked_at_again(
    worker: WorkerContext, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = int(job(worker))
    with database.write() as session:
        session.get_one(TrainingJob, number).status = "Running"
    garbled = BadRequest("Could not look at it: Cannot deserialize content.")
    monkeypatch.setattr("app.execution.poll_jobs.get_job", lambda *_: (_ for _ in ()).throw(garbled))

    assert poll_job(worker, number) == "Running"
    with database.read() as session:
        assert not session.get_one(TrainingJob, number).is_final


# Rows that nobody drives


def reconcile(worker: WorkerContext) -> list[str]:
    return Reconciliation(worker, restore_queues=lambda: None).look()


def empty_engine(database: Database) -> None:
    with database.write() as session:
        session.connection().execute(text(f"DELETE FROM {engine_table(database)}"))  # noqa: S608 - one of two names


@pytest.mark.parametrize("name", [name for name in BODIES if name not in DUE_BY_THEMSELVES])
def test_what_the_engine_lost_is_enqueued_anew_once(worker: WorkerContext, name: str) -> None:
    make, _, _ = BODIES[name]
    make(worker)
    reconcile(worker)
    assert reconcile(worker) == []

    empty_engine(worker.database)

    assert len(reconcile(worker)) == 1
    assert len(worker.queue.waiting_or_running()) == 1
    assert reconcile(worker) == []


@pytest.mark.parametrize("name", [name for name in BODIES if name not in DUE_BY_THEMSELVES])
def test_what_a_worker_with_another_version_of_the_engine_put_back_is_enqueued_anew_once(
    worker: WorkerContext, name: str
) -> None:
    """A worker that takes something up writes its version there; stopped or killed midway, it stays when it goes back into the queue."""
    make, _, _ = BODIES[name]
    make(worker)
    reconcile(worker)
    before = worker.queue.waiting_or_running()
    put_back = f"UPDATE {engine_table(worker.database)} SET application_version = '0'"  # noqa: S608 - one of two names
    with worker.database.write() as session:
        session.connection().execute(text(put_back))

    assert len(reconcile(worker)) == 1

    assert len(worker.queue.waiting_or_running()) == 1
    assert worker.queue.waiting_or_running().isdisjoint(before)
    assert reconcile(worker) == []


def test_two_workers_that_look_at_once_enqueue_once(worker: WorkerContext) -> None:
    queued(worker)
    pending(worker)
    reconcile(worker)
    empty_engine(worker.database)
    start = threading.Barrier(2)
    found: list[str] = []

    def reconciled() -> None:
        start.wait()
        found.extend(reconcile(worker))

    threads = [threading.Thread(target=reconciled) for _ in range(2)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert len(found) == len(set(found))
    assert len(worker.queue.waiting_or_running()) == len(found)


def test_rollout_whose_step_is_at_work_unknown_to_the_engine_is_left_alone_until_its_worker_is_gone(
    worker: WorkerContext, hands: Hands
) -> None:
    rollout_id = queued(worker)
    is_begun, may_end = threading.Event(), threading.Event()

    def at_work(_context: Context) -> Done:
        is_begun.set()
        may_end.wait(PATIENCE_SECONDS)
        return Done("Made.")

    hands.acts["create_endpoint"] = at_work
    thread = threading.Thread(target=carry_out_rollout, args=(worker, rollout_id))
    thread.start()
    try:
        assert is_begun.wait(PATIENCE_SECONDS)
        empty_engine(worker.database)
        assert TARGET not in reconcile(worker)
    finally:
        may_end.set()
        thread.join()
    assert hands.seen.count("create_endpoint") == 1
    with worker.database.read() as session:
        assert session.get_one(Rollout, rollout_id).status is Status.SUCCEEDED


def test_older_attempt_stops_once_there_is_a_newer_one(worker: WorkerContext, hands: Hands) -> None:
    rollout_id = queued(worker)

    def overtaken(_context: Context) -> Done:
        with UnitOfWork(worker.database, SERVICE).transaction() as work:
            rollout, _, _ = lock_rollout(work, rollout_id)
            renew_attempt(work, rollout)
        return Done("Made.")

    hands.acts["create_endpoint"] = overtaken

    assert carry_out_rollout(worker, rollout_id) is Status.IN_PROGRESS
    assert "create_deployment" not in hands.seen
    del hands.acts["create_endpoint"]
    assert carry_out_rollout(worker, rollout_id) is Status.SUCCEEDED


def test_what_gets_lost_again_and_again_is_failed(worker: WorkerContext) -> None:
    rollout_id = queued(worker)
    for _ in range(MOST_IN_A_ROW + 1):
        empty_engine(worker.database)
        reconcile(worker)

    with worker.database.read() as session:
        rollout = session.get_one(Rollout, rollout_id)
        assert (rollout.status, rollout.code) == (Status.FAILED, "internal_error")
        assert "queued again 5 times" in rollout.sentence


def test_workers_that_are_killed_again_and_again_are_no_reason_to_fail_what_they_drove(worker: WorkerContext) -> None:
    rollout_id = queued(worker)
    for _ in range(MOST_IN_A_ROW + 2):
        empty_engine(worker.database)
        with UnitOfWork(worker.database, SERVICE).transaction() as work:
            work.append_event(WORKER_LOST, subject="worker-2")
        assert TARGET in reconcile(worker)

    assert carry_out_rollout(worker, rollout_id) is Status.SUCCEEDED


def test_what_ends_every_worker_that_takes_it_up_is_failed_all_the_same(worker: WorkerContext) -> None:
    rollout_id = queued(worker)
    for _ in range(MOST_WITH_LOSSES + 1):
        with UnitOfWork(worker.database, SERVICE).transaction() as work:
            work.append_event(WORKER_LOST, subject="worker-2")
        empty_engine(worker.database)
        reconcile(worker)

    with worker.database.read() as session:
        assert session.get_one(Rollout, rollout_id).status is Status.FAILED


def test_what_has_a_time_at_which_it_goes_on_wants_no_workflow(worker: WorkerContext) -> None:
    scheduled(worker)
    empty_engine(worker.database)

    assert TARGET not in reconcile(worker)


def test_kinds_of_requeued_events_are_in_the_chain(worker: WorkerContext) -> None:
    queued(worker)
    empty_engine(worker.database)
    reconcile(worker)

    with worker.database.read() as session:
        kinds = set(session.exec(select(Event.kind)).all())
    assert "rollout.requeued" in kinds
