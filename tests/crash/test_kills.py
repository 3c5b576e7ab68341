"""A few of the kills of ``tests.crash.chaos``: one release each that is killed again and again, over each database."""

import uuid

import pytest

from tests.crash import points as at
from tests.crash.invariants import count_chain, twice
from tests.crash.killing import Planned, carry_out
from tests.crash.points import Scene, slow_down
from tests.topology import Topology

pytestmark = pytest.mark.slow


def test_release_survives_kills_of_its_worker(topology: Topology) -> None:
    team = topology.new_team(f"killed-{uuid.uuid4().hex[:8]}", stages=("dev",))
    kills = [
        Planned("worker", at.in_register()),
        Planned("worker", at.after("create_endpoint")),
        Planned("worker", at.in_create_deployment()),
        Planned("worker", at.in_shift()),
        Planned("worker", at.waiting()),
    ]
    slow_down(topology, team, [each.point for each in kills])
    scene = Scene(topology, team, topology.ask(team))

    done = carry_out(scene, kills)
    topology.heal()
    topology.wait_for(scene.release, "succeeded")

    assert len(done) >= 4, done
    assert "waiting" in {kill.point for kill in done}
    assert twice(topology, team, [scene.release]) == []
    assert count_chain(topology) > 0
    assert max(kill.takeover_seconds for kill in done) < 30


def test_release_survives_kills_of_the_api_and_of_azure(topology: Topology) -> None:
    team = topology.new_team(f"killed-{uuid.uuid4().hex[:8]}", stages=("dev",))
    kills = [Planned("emulator", at.in_create_deployment()), Planned("api", at.in_shift())]
    slow_down(topology, team, [each.point for each in kills])
    scene = Scene(topology, team, topology.ask(team))

    done = carry_out(scene, kills)
    topology.heal()
    topology.wait_for(scene.release, "succeeded")

    assert len(done) == 2, done
    assert twice(topology, team, [scene.release]) == []
    assert count_chain(topology) > 0
