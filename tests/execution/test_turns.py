"""What has begun at a target comes to its end before anything else begins there, also when the engine has lost it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, func, select

from app.events.tables import Event
from app.events.work import UnitOfWork
from app.execution.context import WorkerContext
from app.execution.dry_run import carry_out_dry_run
from app.execution.lease import Lease
from app.execution.poll_jobs import poll_job
from app.execution.prepare import prepare_release
from app.execution.reconcile import Reconciliation
from app.execution.rollout import carry_out_rollout, move_target
from app.execution.signals import Signals
from app.execution.timers import wake_rollout
from app.identity.actor import SERVICE
from app.planning.sources import read_source
from app.releases.attempts import begin_attempt
from app.releases.planning import plan_release
from app.releases.service import Request, create_release, move_rollout, move_step
from app.releases.states import Status, StepStatus
from app.releases.tables import Release, Rollout, StepRun
from app.steps.contract import Interrupted
from app.workers.service import WorkerIdentity, give_back, take_lease
from app.workers.tables import Worker
from tests.execution.instant import hands, worker
from tests.instant import LEASE_SECONDS, Hands
from tests.planning.examples import CONTENT, a_plan
from tests.releases.conftest import planned

__all__ = ["hands", "planned", "worker"]

OTHER = WorkerIdentity(id="worker-2", host="there", pid=2, version="0")
UNDER_WAY = "churn-1:dev"
AFTER = "churn-2:dev"
TARGET = "sub/rg/ws/dev"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def two(worker: WorkerContext, planned: str) -> None:
    """One release whose deployment another worker was making, and a newer one whose turn the engine says it is."""
    with UnitOfWork(worker.database, SERVICE).transaction() as work:
        take_lease(work, OTHER, seconds=LEASE_SECONDS)
        first = work.get_one(Rollout, f"{planned}:dev")
        begin_attempt(work, first)
        said: dict[str, Any] = {"code": "in_progress", "sentence": "Under way."}
        move_rollout(work, first, Status.IN_PROGRESS, **said)
        for step in work.exec(select(StepRun).where(StepRun.rollout_id == first.id)).all():
            if step.key == "create_endpoint":
                move_step(work, step, StepStatus.RUNNING, worker=OTHER.id, **said)
        newer = _newer(work, planned)
        begin_attempt(work, newer)


def _newer(work: UnitOfWork, planned: str) -> Rollout:
    before = work.get_one(Release, planned)
    asked = Request("churn", before.definition_id, 1, read_source(before.source), ("dev",), job_id=before.job_id)
    release = create_release(work, asked, mark="efgh")
    (rollout,) = plan_release(work, release, CONTENT, [a_plan("dev", endpoint="dev")])
    return rollout


def _gone(worker: WorkerContext) -> None:
    with worker.database.write() as session:
        give_back(session, OTHER.id)


def _course(worker: WorkerContext) -> list[tuple[str, str]]:
    """Which rollout began and ended when."""
    with worker.database.read() as session:
        events = session.exec(select(Event).where(col(Event.kind).startswith("rollout.")).order_by(col(Event.seq)))
        return [
            (event.subject, event.kind.removeprefix("rollout."))
            for event in events.all()
            if event.kind in {"rollout.in_progress", "rollout.requeued", "rollout.succeeded"}
        ]


IN_ORDER = [
    (UNDER_WAY, "in_progress"),
    (UNDER_WAY, "succeeded"),
    (AFTER, "in_progress"),
    (AFTER, "succeeded"),
]


@pytest.mark.usefixtures("two")
def test_what_the_engine_lost_midway_is_brought_to_its_end_by_whoever_is_next_at_its_target(
    worker: WorkerContext, hands: Hands
) -> None:
    _gone(worker)

    assert move_target(worker, TARGET) is Status.SUCCEEDED
    assert len(worker.queue.waiting_or_running()) == 1, "whoever waits for its turn is told"
    assert move_target(worker, TARGET) is Status.SUCCEEDED

    assert _course(worker) == IN_ORDER
    assert hands.seen.count("create_deployment") == 2
    # What is queued anew meanwhile finds that nothing is left to do, and so does who drove it before.
    assert move_target(worker, TARGET) is None
    assert carry_out_rollout(worker, UNDER_WAY, attempt=1) is Status.SUCCEEDED
    assert hands.seen.count("create_deployment") == 2


@pytest.mark.usefixtures("two")
def test_nothing_begins_while_a_live_worker_is_at_the_target_unknown_to_the_engine(
    worker: WorkerContext, hands: Hands
) -> None:
    reconciliation = Reconciliation(worker, restore_queues=lambda: None)

    assert move_target(worker, TARGET) is Status.IN_PROGRESS
    assert carry_out_rollout(worker, AFTER) is Status.QUEUED
    assert TARGET not in reconciliation.look()
    assert hands.seen == []

    _gone(worker)
    assert TARGET in reconciliation.look()
    assert [move_target(worker, TARGET), move_target(worker, TARGET)] == [Status.SUCCEEDED, Status.SUCCEEDED]
    assert [each for each in _course(worker) if each[1] != "requeued"] == IN_ORDER


@pytest.mark.usefixtures("two")
def test_what_is_under_way_elsewhere_keeps_nobody_waiting(worker: WorkerContext) -> None:
    with worker.database.write() as session:
        session.get_one(Rollout, UNDER_WAY).target = "sub/rg/ws/elsewhere"

    assert carry_out_rollout(worker, AFTER, attempt=1) is Status.SUCCEEDED
    assert _course(worker) == [(UNDER_WAY, "in_progress"), *IN_ORDER[2:]]


def test_worker_that_was_refused_a_write_does_not_go_on_after_a_late_renewal(worker: WorkerContext) -> None:
    """What it has let go of would stay with it, and nobody would take it over."""
    _expire(worker, seconds=-1)
    with pytest.raises(Interrupted):
        worker.write(lambda _session: None)
    _expire(worker, seconds=LEASE_SECONDS)  # the renewal had been sent before, and comes through now

    with pytest.raises(Interrupted):
        worker.signals.require_lease()


def _expire(worker: WorkerContext, *, seconds: float) -> None:
    with worker.database.write() as session:
        session.get_one(Worker, worker.identity.id).expires_at = now() + timedelta(seconds=seconds)


BODIES: dict[str, Callable[[WorkerContext], Any]] = {
    "rollout": lambda worker: carry_out_rollout(worker, UNDER_WAY, attempt=1),
    "prepare": lambda worker: prepare_release(worker, "churn-1"),
    "dry_run": lambda worker: carry_out_dry_run(worker, "run-1"),
    "timer": lambda worker: wake_rollout(worker, UNDER_WAY),
    "job": lambda worker: poll_job(worker, 1),
}


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.usefixtures("two")
def test_worker_without_a_lease_does_and_writes_nothing(worker: WorkerContext, hands: Hands, name: str) -> None:
    """Whatever becomes of its workflow: whoever takes over finds the row."""
    lost = Lease(worker.database, worker.identity, seconds=LEASE_SECONDS, exclusive=False)  # never taken
    late = replace(worker, signals=Signals(worker.database, lost))
    with worker.database.read() as session:
        before = session.exec(select(func.count()).select_from(Event)).one()

    with pytest.raises(Interrupted, match="lost its lease"):
        BODIES[name](late)

    assert hands.seen == []
    with worker.database.read() as session:
        assert session.exec(select(func.count()).select_from(Event)).one() == before
