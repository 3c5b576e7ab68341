"""Training jobs are polled by the workers' timers: by one of them at a time, and by another one after a kill."""

from concurrent.futures import wait
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import text

from app.azureml.errors import Unavailable
from app.database.connection import Database
from app.execution.context import WorkerContext
from app.execution.poll_jobs import LOST_AFTER, poll_job
from app.execution.timers import Timer
from app.jobs.service import JobState
from app.jobs.tables import TrainingJob
from app.workers.service import WorkerIdentity, give_back, take_lease
from tests.execution.instant import hands, worker
from tests.instant import LEASE_SECONDS
from tests.releases.conftest import planned

__all__ = ["hands", "planned", "worker"]

OTHER = WorkerIdentity(id="worker-2", host="there", pid=2, version="0")
RUNNING = JobState(status="Running", is_final=False, code="running", sentence="Running.")
POLLS_IN_TEN_HOURS = 2400


@pytest.fixture
def job(planned: str, worker: WorkerContext, monkeypatch: pytest.MonkeyPatch) -> int:  # noqa: ARG001 - its job
    """A job that Azure ML says is running."""
    monkeypatch.setattr("app.execution.poll_jobs._see", lambda *_: RUNNING)
    with worker.database.write() as session:
        (found,) = session.connection().execute(text("SELECT id FROM training_job")).scalars()
        return int(found)


def read(worker: WorkerContext, job: int) -> TrainingJob:
    return worker.read(lambda session: session.get_one(TrainingJob, job))


def make_due(database: Database, job: int, at: datetime, *, poller: str | None = None) -> None:
    with database.write() as session:
        found = session.get_one(TrainingJob, job)
        found.next_poll_at, found.poller = at, poller


def ring(worker: WorkerContext) -> int:
    """How much was due."""
    begun = Timer(worker).begin_due()
    wait(begun)
    return len(begun)


def test_job_is_polled_when_it_is_due_and_the_next_time_is_kept_with_it(worker: WorkerContext, job: int) -> None:
    assert ring(worker) == 1

    polled = read(worker, job)
    assert (polled.status, polled.poller) == ("Running", None)
    assert polled.next_poll_at is not None
    assert polled.next_poll_at > worker.now()
    assert ring(worker) == 0


def test_job_that_another_live_worker_polls_is_left_to_it_and_is_due_once_that_one_is_gone(
    worker: WorkerContext, job: int
) -> None:
    with worker.database.write() as session:
        take_lease(session, OTHER, seconds=LEASE_SECONDS)
    make_due(worker.database, job, worker.now(), poller=OTHER.id)
    assert ring(worker) == 0
    assert poll_job(worker, job) == "Recorded"

    with worker.database.write() as session:
        give_back(session, OTHER.id)
    assert ring(worker) == 1
    assert read(worker, job).status == "Running"


def test_of_two_workers_that_saw_the_same_time_one_polls(worker: WorkerContext, job: int) -> None:
    with worker.database.write() as session:
        take_lease(session, OTHER, seconds=LEASE_SECONDS)
    seen = read(worker, job).next_poll_at
    poll_job(worker, job, due_at=seen)
    first = read(worker, job).checked_at
    poll_job(replace(worker, identity=OTHER), job, due_at=seen)

    assert read(worker, job).checked_at == first


def test_what_this_worker_left_in_the_middle_is_due_again(worker: WorkerContext, job: int) -> None:
    """Over SQLite a worker has the same name after a restart."""
    make_due(worker.database, job, worker.now(), poller=worker.identity.id)

    assert ring(worker) == 1
    assert read(worker, job).poller is None


def test_job_whose_polls_never_come_to_an_end_is_given_up(worker: WorkerContext, job: int) -> None:
    make_due(worker.database, job, worker.now(), poller="worker-that-was-killed")
    with worker.database.write() as session:
        session.get_one(TrainingJob, job).unanswered = LOST_AFTER

    ring(worker)
    given_up = read(worker, job)
    assert (given_up.is_final, given_up.code, given_up.next_poll_at) == (True, "internal_error", None)


def test_worker_that_is_stopped_leaves_a_poll_due(
    worker: WorkerContext, job: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object) -> JobState:
        worker.signals.stop()
        worker.signals.require_going_on()
        raise Unavailable("Not reached.")

    monkeypatch.setattr("app.execution.poll_jobs._see", stopped)
    before = read(worker, job).next_poll_at
    ring(worker)

    left = read(worker, job)
    assert (left.poller, left.next_poll_at) == (None, before)


@pytest.mark.slow
@pytest.mark.parametrize("database_kind", ["sqlite"])
def test_ten_hours_of_polls_leave_nothing_in_the_engine(worker: WorkerContext, job: int) -> None:
    for number in range(POLLS_IN_TEN_HOURS):
        make_due(worker.database, job, worker.now() - timedelta(seconds=1))
        assert ring(worker) == 1, number

    with worker.database.read() as session:
        assert session.connection().execute(text("SELECT count(*) FROM workflow_status")).scalar_one() == 0
