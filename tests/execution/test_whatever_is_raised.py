"""Whatever is raised, also what is no ``Exception``: rows end, other rows are not kept waiting, and the engine waits for nobody."""

import threading
from collections.abc import Callable

import pytest
from sqlalchemy import text
from sqlmodel import Session

from app.database.connection import Database
from app.events.work import UnitOfWork
from app.execution.batch_writer import BatchWriter
from app.execution.context import WorkerContext
from app.execution.prepare import prepare_release
from app.execution.reconcile import Reconciliation
from app.execution.rollout import carry_out_rollout
from app.identity.actor import SERVICE
from app.planning.sources import read_source
from app.releases.attempts import begin_attempt
from app.releases.planning import plan_release
from app.releases.service import Request, create_release
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.names import about_of
from app.releasing.work import Work
from app.steps.contract import Context, Done
from app.workers.service import WorkerIdentity, take_lease
from tests.execution.instant import hands, worker
from tests.instant import Hands
from tests.planning.examples import CONTENT, a_plan
from tests.releases.conftest import planned
from tests.waiting import PATIENCE_SECONDS

__all__ = ["hands", "planned", "worker"]


TARGET = "sub/rg/ws/dev"


class Panic(BaseException):
    """As libraries written in Rust raise it."""


class Speechless(Exception):
    def __str__(self) -> str:
        raise ValueError("even this breaks")


RAISED: list[Callable[[], BaseException]] = [
    Panic,
    lambda: SystemExit(3),
    KeyboardInterrupt,
    GeneratorExit,
    RecursionError,
    Speechless,
    lambda: KeyError("\0 \ud800" + "x" * 1_000_000),
]


def another(work: UnitOfWork) -> Release:
    first = work.get_one(Release, "churn-1")
    asked = Request("churn", first.definition_id, 1, read_source(first.source), ("dev",), job_id=first.job_id)
    return create_release(work, asked, mark="abcd")


def queued(worker: WorkerContext) -> str:
    with UnitOfWork(worker.database, SERVICE).transaction() as work:
        release = another(work)
        (rollout,) = plan_release(work, release, CONTENT, [a_plan("dev", endpoint="dev")])
        begin_attempt(work, rollout)
        worker.queue.move_target(work, rollout.target)
        return rollout.id


def pending(worker: WorkerContext) -> str:
    with Work(worker.releasing, SERVICE).transaction() as work:
        release = another(work)
        work.queue.prepare_release(work, release.id)
        return release.id


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.usefixtures("planned")
def test_what_a_step_raises_is_how_it_ended(
    worker: WorkerContext, hands: Hands, raised: Callable[[], BaseException]
) -> None:
    rollout_id = queued(worker)

    def broken(_context: Context) -> Done:
        raise raised()

    hands.acts["create_endpoint"] = broken

    assert carry_out_rollout(worker, rollout_id) is Status.FAILED
    assert worker.driven.wait_until_nothing(0)
    with worker.database.read() as session:
        rollout = session.get_one(Rollout, rollout_id)
        assert rollout.code == "internal_error"
        assert "See incident" in rollout.sentence


@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.usefixtures("planned")
def test_what_preparing_raises_is_how_the_release_ended(
    worker: WorkerContext, monkeypatch: pytest.MonkeyPatch, raised: Callable[[], BaseException]
) -> None:
    release_id = pending(worker)
    monkeypatch.setattr("app.execution.prepare.resolve_and_preflight", lambda *_, **__: (_ for _ in ()).throw(raised()))

    assert prepare_release(worker, release_id) == Status.FAILED.value
    with worker.database.read() as session:
        assert session.get_one(Release, release_id).code == "internal_error"


def test_whoever_waits_in_the_line_is_served_when_another_ones_work_panics(worker: WorkerContext) -> None:
    line = BatchWriter(worker.releasing, fence=lambda _session: None)
    is_first_at_it, all_wait = threading.Event(), threading.Event()
    got: list[object] = []

    def first(_session: Session) -> None:
        is_first_at_it.set()
        all_wait.wait(PATIENCE_SECONDS)

    def panicking(_session: Session) -> None:
        raise Panic("in a library")

    def write(work: Callable[[Session], object]) -> None:
        try:
            got.append(line.write(work))
        except Panic as panic:
            got.append(panic)

    threads = [
        threading.Thread(target=write, args=(work,), daemon=True)
        for work in (first, panicking, lambda _session: "written", lambda _session: "written too")
    ]
    threads[0].start()
    assert is_first_at_it.wait(PATIENCE_SECONDS)
    for each in threads[1:]:
        each.start()
    while len(line._waiting) < len(threads) - 1:  # nothing else tells that they wait
        threading.Event().wait(0.001)
    all_wait.set()
    for each in threads:
        each.join(PATIENCE_SECONDS)

    assert not any(each.is_alive() for each in threads)
    assert {str(each) for each in got} == {"None", "in a library", "written", "written too"}


@pytest.mark.usefixtures("planned")
def test_row_that_breaks_the_reconciliation_keeps_no_other_one_waiting(
    worker: WorkerContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    queued(worker)
    sound = pending(worker)
    with worker.database.write() as session:
        session.connection().execute(text(f"DELETE FROM {engine_table(worker.database)}"))  # noqa: S608 - one of two names

    def locked(_session: Session, rollout_id: str) -> object:
        raise KeyError(f"a plan of {rollout_id}")

    monkeypatch.setattr("app.execution.reconcile.lock_rollout", locked)

    found = Reconciliation(worker, restore_queues=lambda: None).look()

    assert f"{sound}:prepare" in found
    assert TARGET not in found


@pytest.mark.usefixtures("planned")
def test_what_the_engine_believes_to_be_carried_out_here_and_is_not_is_queued_anew(worker: WorkerContext) -> None:
    queued(worker)
    taken_by(worker, worker.identity.id, TARGET)
    patient = Reconciliation(worker, restore_queues=lambda: None)
    assert TARGET not in patient.look()

    assert TARGET in Reconciliation(worker, restore_queues=lambda: None, drop_seconds=0).look()
    assert worker.identity.id not in worker.queue.running().values(), "it would keep the target's queue closed"
    assert any(each.startswith(f"{TARGET}:") for each in worker.queue.waiting_or_running())


@pytest.mark.usefixtures("planned")
def test_what_is_carried_out_here_or_elsewhere_is_left_alone(worker: WorkerContext) -> None:
    here, elsewhere = queued(worker), pending(worker)
    workflow = taken_by(worker, worker.identity.id, TARGET)
    with worker.database.write() as session:
        take_lease(session, WorkerIdentity(id="worker-2", host="there", pid=2, version="0"), seconds=600.0)
    taken_by(worker, "worker-2", f"{elsewhere}:prepare")

    with worker.driven.driving(here, workflow):
        found = Reconciliation(worker, restore_queues=lambda: None, drop_seconds=0).look()

    assert not [each for each in found if each.startswith((TARGET, elsewhere))]


@pytest.mark.usefixtures("planned")
def test_what_a_worker_drove_that_is_gone_is_queued_anew(worker: WorkerContext) -> None:
    queued(worker)
    left = pending(worker)
    taken_by(worker, "worker-2", TARGET)
    taken_by(worker, "worker-2", f"{left}:prepare")

    found = Reconciliation(worker, restore_queues=lambda: None).look()

    assert {TARGET, f"{left}:prepare"} <= {*found}
    assert worker.queue.running() == {}, "no other one waits behind it"


def taken_by(worker: WorkerContext, by: str, about: str) -> str:
    """As the engine's row is once a worker has taken it out of the queue; the workflow's id."""
    (workflow,) = (each for each in worker.queue.waiting_or_running() if about_of(each) == about)
    take = f"UPDATE {engine_table(worker.database)} SET status = 'PENDING', executor_id = :w WHERE workflow_uuid = :i"  # noqa: S608 - one of two names
    with worker.database.write() as session:
        session.connection().execute(text(take), {"w": by, "i": workflow})
    return workflow


def engine_table(database: Database) -> str:
    return "workflow_status" if database.url.startswith("sqlite") else "dbos.workflow_status"
