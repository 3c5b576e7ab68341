"""A worker that was paused and comes back, or that is asked to stop: another one goes on, and nobody acts twice."""

import signal
import time
import uuid

import pytest

from tests.crash import points as at
from tests.crash.invariants import twice
from tests.crash.points import Scene, slow_down
from tests.topology import Topology, WorkerProcess, frozen
from tests.waiting import wait_until


def _under_way(topology: Topology) -> tuple[Scene, WorkerProcess]:
    """A release whose deployment is being made, and the worker that waits for it."""
    team = topology.new_team(f"fenced-{uuid.uuid4().hex[:8]}", stages=("dev",))
    point = at.in_create_deployment()
    slow_down(topology, team, [point])
    scene = Scene(topology, team, topology.ask(team))
    wait_until(lambda: point.reached(scene), what="the deployment is being made")
    return scene, topology.driver_of(scene.release)


@pytest.mark.slow
def test_worker_that_was_paused_neither_writes_nor_acts_when_it_comes_back(pair: Topology) -> None:
    scene, zombie = _under_way(pair)
    name = pair.id_of(zombie)
    with frozen(pair, zombie):
        pair.heal()
        pair.wait_for(scene.release, "succeeded")
        settled = pair.revision_of(scene.release)
        requests = len(pair.requests())
    new_name = wait_until(lambda: pair.id_of(zombie), what="the zombie begins anew")

    assert new_name != name
    # A worker that begins anew imports the SDK, which asks for the cloud's addresses: without a token, and it changes nothing.
    late = [each for each in pair.requests()[requests:] if each["path"] != "/metadata/endpoints"]
    assert [(each["method"], each["path"]) for each in late] == []
    assert pair.revision_of(scene.release) == settled
    assert twice(pair, scene.team, [scene.release]) == []
    lost = [event for event in pair.events() if event.kind == "worker.lost" and event.subject == name]
    assert len(lost) == 1
    after = [each for each in pair.events(scene.release) if each.seq > lost[0].seq and each.data.get("worker")]
    assert after, "somebody else went on"
    assert name not in {each.data["worker"] for each in after if each.kind == "step.running"}


@pytest.mark.slow
def test_worker_that_was_paused_for_less_than_its_lease_goes_on(pair: Topology) -> None:
    scene, worker = _under_way(pair)
    name = pair.id_of(worker)
    with frozen(pair, worker):
        time.sleep(pair.lease_seconds / 4)  # what is tested is that so short a pause is none
    pair.wait_for(scene.release, "succeeded")

    assert pair.id_of(worker) == name
    assert twice(pair, scene.team, [scene.release]) == []


@pytest.mark.slow
def test_worker_that_is_asked_to_stop_hands_its_rollout_over(topology: Topology) -> None:
    scene, worker = _under_way(topology)
    topology.send(worker, signal.SIGTERM)
    topology.wait_for_end(worker)  # which is before its step's: Azure is at that until it is healed
    if topology.is_sqlite:
        topology.start_worker()
    topology.wait_for_event(scene.release, "step.running", subject=":create_deployment", after=_last(topology, scene))
    topology.heal()
    topology.wait_for(scene.release, "succeeded")

    assert worker.exit_status == 0, worker.log.read_text()[-2000:]
    assert twice(topology, scene.team, [scene.release]) == []


def _last(topology: Topology, scene: Scene) -> int:
    """The number of the event with which the first worker began the step."""
    begun = [
        event
        for event in topology.events(scene.release)
        if event.kind == "step.running" and event.subject.endswith(":create_deployment")
    ]
    return begun[0].seq
