"""A newer version is deployed while a rollout waits: it goes on with it, by the rows."""

from collections.abc import Iterator
from pathlib import Path
from signal import SIGTERM

import pytest

from app.releases.queries import steps_of
from app.releases.states import StepStatus
from app.releases.tables import StepRun
from app.releasing.names import ENGINE_VERSION
from tests.crash.conftest import LEASE_SECONDS, VARIABLES
from tests.crash.invariants import twice
from tests.crash.points import WAITING_KIND, Scene, waiting
from tests.postgresql import PostgresServer
from tests.topology import Topology
from tests.waiting import wait_until

UPGRADES = (("99.0.0", ENGINE_VERSION), ("100.0.0", "raised"))  # of the software, and of the engine's workflows


@pytest.fixture(params=["sqlite", "postgresql"])
def service(request: pytest.FixtureRequest, server: PostgresServer, tmp_path: Path) -> Iterator[Topology]:
    """A service of its own: the engine never takes work for the older version again."""
    url = f"sqlite:///{tmp_path}/test.db" if request.param == "sqlite" else server.new_database()
    with Topology(tmp_path, url, lease_seconds=LEASE_SECONDS, variables=VARIABLES) as topology:
        topology.start_worker()
        topology.train(topology.new_team("warm-up"))
        yield topology


@pytest.mark.slow
def test_newer_worker_goes_on_with_a_step_that_waits(service: Topology) -> None:
    team = service.new_team("upgraded", stages=("dev",))
    releases = []
    for version, engine in UPGRADES:
        scene = Scene(service, team, service.ask(team))
        _upgrade_while_waiting(scene, version, engine)
        releases.append(scene.release)
        assert twice(service, team, releases) == []


def _upgrade_while_waiting(scene: Scene, version: str, engine: str) -> None:
    service = scene.topology
    (older,) = service.workers
    wait_until(lambda: waiting().reached(scene), what="the step waits")
    before = _step(scene)
    if not service.is_sqlite:  # a rolling upgrade
        service.start_worker(TESTS_VERSIONS=f"{version} {engine}")
    service.send(older, SIGTERM)
    service.wait_for_end(older)
    if service.is_sqlite:
        service.start_worker(TESTS_VERSIONS=f"{version} {engine}")
    (newer,) = service.worker_rows()

    service.wait_for(scene.release, "succeeded")

    after = _step(scene)
    assert newer.version == version
    assert (before.status, after.status) == (StepStatus.WAITING, StepStatus.SUCCEEDED)
    assert before.memory
    assert (after.memory, after.started_at) == (before.memory, before.started_at)
    assert (before.attempts, after.attempts, after.worker) == (1, 1, newer.id)


def _step(scene: Scene) -> StepRun:
    steps: list[StepRun] = scene.topology.read(lambda session: steps_of(session, f"{scene.release}:dev"))
    return next(step for step in steps if step.key == WAITING_KIND)
