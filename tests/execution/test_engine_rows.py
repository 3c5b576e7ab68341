"""The engine itself, in this process, with instant steps: what it is given is carried out, and what it keeps of it is deleted."""

from collections import defaultdict
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from app.events.tables import Event
from app.execution.context import WorkerContext
from app.execution.engine import launch_engine, stop_engine
from app.execution.lease import Lease
from app.releases.states import Status
from app.releases.tables import Rollout
from tests.execution.instant import hands, worker
from tests.execution.rollouts import queue_rollout
from tests.instant import LEASE_SECONDS
from tests.releases.conftest import planned
from tests.waiting import wait_until

__all__ = ["hands", "planned", "worker"]

RELEASES, TARGETS = 200, 20
KEPT = ("workflow_status", "workflow_input", "workflow_output", "operation_outputs")


def rows_of(worker: WorkerContext) -> dict[str, int]:
    """Of the engine's tables that grow with each workflow."""
    schema = "" if worker.database.url.startswith("sqlite") else "dbos."
    with worker.database.read() as session:
        return {
            table: session.connection().execute(text(f"SELECT count(*) FROM {schema}{table}")).scalar_one()  # noqa: S608 - names of the engine's
            for table in KEPT
        }


def statuses(worker: WorkerContext, rollouts: list[str]) -> set[Status]:
    query = select(Rollout.status).where(col(Rollout.id).in_(rollouts))
    return worker.read(lambda session: {Status(each) for each in session.exec(query).all()})


def out_of_order(worker: WorkerContext, rollouts: list[str]) -> list[str]:
    """Those that began before one that was queued earlier at their target."""
    targets = dict(worker.read(lambda session: session.exec(select(Rollout.id, Rollout.target)).all()))
    events = worker.read(lambda session: session.exec(select(Event).order_by(col(Event.seq))).all())
    queued: dict[str, list[str]] = defaultdict(list)
    wrong = []
    for event in events:
        if event.subject not in rollouts:
            continue
        if event.kind == "rollout.queued":
            queued[targets[event.subject]].append(event.subject)
        elif event.kind == "rollout.in_progress" and queued[targets[event.subject]].pop(0) != event.subject:
            wrong.append(event.subject)
    return wrong


@pytest.mark.slow
@pytest.mark.usefixtures("planned")
def test_releases_leave_nothing_in_the_engine(worker: WorkerContext) -> None:
    rollouts = [queue_rollout(worker, target=f"sub/rg/ws/ep-{number % TARGETS}") for number in range(RELEASES)]
    lease = Lease(worker.database, worker.identity, seconds=LEASE_SECONDS, exclusive=False)
    launch_engine(worker)
    try:
        wait_until(lambda: statuses(worker, rollouts) == {Status.SUCCEEDED}, what="all have succeeded", seconds=300)
        wait_until(lambda: not worker.queue.waiting_or_running(), what="nothing more is queued")
    finally:
        assert stop_engine(worker, lease), "everything had come to its end"

    assert out_of_order(worker, rollouts) == []
    assert rows_of(worker)["workflow_status"] >= RELEASES
    worker.queue.delete_over(before=worker.now() + timedelta(minutes=1))
    assert set(rows_of(worker).values()) == {0}
