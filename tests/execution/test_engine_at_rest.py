"""The engine asks for work once there is some, and for nothing while there is none."""

import time

import pytest
from dbos._sys_db import SystemDatabase

from app.execution import engine
from app.execution.context import WorkerContext
from app.execution.lease import Lease
from app.releases.states import Status
from app.releases.tables import Rollout
from tests.execution.instant import hands, worker
from tests.execution.rollouts import queue_rollout
from tests.instant import LEASE_SECONDS
from tests.releases.conftest import planned
from tests.waiting import wait_until

__all__ = ["hands", "planned", "worker"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The queues that the engine has asked for work, each time that it did."""
    asked: list[str] = []
    scopes = SystemDatabase.dequeue_scopes

    def ask(database: SystemDatabase, queue: str) -> list[str | None]:
        asked.append(queue)
        return scopes(database, queue)

    monkeypatch.setattr(SystemDatabase, "dequeue_scopes", ask)
    monkeypatch.setattr(engine, "LONGEST_SECONDS", 3600.0)  # only a change has it look
    return asked


@pytest.mark.usefixtures("planned")
def test_engine_asks_for_work_after_a_change_only(worker: WorkerContext, asked: list[str]) -> None:
    lease = Lease(worker.database, worker.identity, seconds=LEASE_SECONDS, exclusive=False)
    engine.launch_engine(worker)
    try:
        for number in range(2):
            _wait_until_at_rest(asked)
            rollout = queue_rollout(worker, target=f"sub/rg/ws/ep-{number}")
            wait_until(lambda: _status(worker, rollout) is Status.SUCCEEDED, what=f"{rollout} has succeeded")  # noqa: B023 - asked here
    finally:
        assert engine.stop_engine(worker, lease)


def _wait_until_at_rest(asked: list[str]) -> None:
    def is_quiet() -> bool:
        before = len(asked)
        time.sleep(1.0)  # by itself the engine asks four times meanwhile
        return len(asked) == before

    wait_until(is_quiet, what="nobody asks for work")


def _status(worker: WorkerContext, rollout: str) -> Status:
    return worker.read(lambda session: Status(session.get_one(Rollout, rollout).status))
