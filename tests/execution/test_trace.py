"""A workflow's trace: in what it logs, and in what it queues."""

import json
from pathlib import Path
from typing import Any

import pytest
from structlog.contextvars import get_contextvars

from app.execution.context import WorkerContext
from app.execution.engine import launch_engine, stop_engine
from app.execution.lease import Lease
from app.execution.rollout import move_target
from app.releases.states import Status
from app.releases.tables import Rollout
from app.releasing.names import about_of
from app.steps.contract import Context, Done
from tests.execution.instant import hands, worker
from tests.execution.rollouts import TARGET, queue_rollout
from tests.instant import LEASE_SECONDS, Hands
from tests.releases.conftest import planned
from tests.topology import Topology
from tests.traces import OTHER_TRACE, TRACE, traces
from tests.waiting import wait_until

__all__ = ["hands", "planned", "worker"]


@pytest.mark.usefixtures("planned")
def test_steps_side_by_side_in_two_traces_log_in_their_own(worker: WorkerContext, hands: Hands) -> None:
    logged: dict[str, set[str | None]] = {}

    def note(context: Context) -> Done:
        logged.setdefault(context.release, set()).add(get_contextvars().get("traceparent"))
        return Done("Done.")

    hands.acts |= {"register_model": note, "create_endpoint": note, "create_deployment": note}
    asked = {
        queue_rollout(worker, target=f"sub/rg/ws/ep-{number}", traceparent=trace): trace
        for number, trace in enumerate((TRACE, OTHER_TRACE, None) * 2)
    }
    launch_engine(worker)
    try:
        wait_until(lambda: _statuses(worker, [*asked]) == {Status.SUCCEEDED}, what="all have succeeded")
    finally:
        stop_engine(worker, Lease(worker.database, worker.identity, seconds=LEASE_SECONDS, exclusive=False))

    assert logged == {rollout.partition(":")[0]: {trace} for rollout, trace in asked.items()}


@pytest.mark.usefixtures("planned")
def test_worker_that_is_stopped_hands_its_work_over_in_its_trace(worker: WorkerContext, hands: Hands) -> None:
    queue_rollout(worker)

    def stop(context: Context) -> Done:
        worker.signals.stop()
        context.checkpoint()
        raise AssertionError("a worker that is stopped goes no further")

    hands.acts["register_model"] = stop
    move_target(worker.in_trace(TRACE), TARGET)

    assert traces(worker.database)[1:] == [(TARGET, TRACE)]


@pytest.mark.usefixtures("planned")
def test_work_that_never_began_is_handed_over_in_its_trace(worker: WorkerContext) -> None:
    queue_rollout(worker)
    worker.signals.stop()

    move_target(worker.in_trace(TRACE), TARGET)

    assert traces(worker.database)[1:] == [(TARGET, TRACE)]


@pytest.mark.usefixtures("planned")
def test_next_release_at_a_target_is_not_in_the_trace_of_the_one_before(worker: WorkerContext) -> None:
    queue_rollout(worker)
    queue_rollout(worker)

    assert move_target(worker.in_trace(TRACE), TARGET) is Status.SUCCEEDED

    assert traces(worker.database)[2:] == [(TARGET, None)]


@pytest.mark.slow
def test_everything_that_a_worker_does_for_a_release_is_logged_in_the_trace_of_its_request(
    topology: Topology, model: str
) -> None:
    topology.new_team(model)
    asked = {"model": model, "job": "team-job"}
    answer = topology.api("POST", "/v1/releases", asked, headers={"traceparent": TRACE})
    release = answer.json()["id"]
    topology.wait_for(release, "succeeded")

    begun = [
        (line["workflow"], line["traceparent"])
        for line in _lines(topology.workers[0].log)
        if line["event"] == "workflow_begun" and model in line["workflow"]
    ]
    assert [about_of(workflow).rpartition("/")[2] for workflow, _ in begun] == [
        f"{release}:prepare",
        f"{model}-dev",
        f"{model}-prod",
    ]
    assert {trace for _, trace in begun} == {TRACE}


def _lines(log: Path) -> list[dict[str, Any]]:
    """Without what the Azure SDK prints."""
    return [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]


def _statuses(worker: WorkerContext, rollouts: list[str]) -> set[Status]:
    return worker.read(lambda session: {session.get_one(Rollout, each).status for each in rollouts})
