"""The database does not respond for a while: shorter than a lease, longer than a lease, or its connections end."""

import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash import points as at
from tests.crash.invariants import count_chain, twice
from tests.crash.points import Scene, slow_down
from tests.postgresql import PostgresServer, running_postgresql
from tests.topology import Topology
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

LEASE_SECONDS = 3.0


@pytest.fixture(scope="module")
def lonely_server() -> Iterator[PostgresServer]:
    """One that nobody else's tests need."""
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="module")
def service(lonely_server: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    folder: Path = tmp_path_factory.mktemp("away")
    with Topology(folder, lonely_server.new_database(), lease_seconds=LEASE_SECONDS) as topology:
        for _ in range(2):
            topology.start_worker()
        topology.train(topology.new_team("warm-up"))
        yield topology


@pytest.fixture
def scene(service: Topology) -> Scene:
    """A release whose deployment is being made."""
    team = service.new_team(f"away-{uuid.uuid4().hex[:8]}", stages=("dev",))
    point = at.in_create_deployment()
    slow_down(service, team, [point])
    scene = Scene(service, team, service.ask(team))
    wait_until(lambda: point.reached(scene), what="the deployment is being made")
    return scene


@pytest.mark.parametrize("leases", [0.3, 3.0], ids=["shorter than the lease", "longer than the lease"])
def test_release_survives_a_database_that_stands_still(
    service: Topology, lonely_server: PostgresServer, scene: Scene, leases: float
) -> None:
    lonely_server.freeze()
    time.sleep(leases * LEASE_SECONDS)  # how long it is away is what is tested
    lonely_server.thaw()
    _ends_well(service, scene)


def test_release_survives_a_restart_of_the_database(
    service: Topology, lonely_server: PostgresServer, scene: Scene
) -> None:
    lonely_server.stop()
    lonely_server.start()
    _ends_well(service, scene)


def _ends_well(service: Topology, scene: Scene) -> None:
    wait_until(service.answers, what="the API answers again")
    service.heal()
    service.wait_for(scene.release, "succeeded")
    assert twice(service, scene.team, [scene.release]) == []
    assert count_chain(service) > 0
