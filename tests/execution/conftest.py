"""The service over SQLite with one real worker, kept over the tests of a process."""

import uuid
from collections.abc import Iterator

import pytest

from tests.topology import Team, Topology


@pytest.fixture(scope="package")
def _service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Topology]:
    folder = tmp_path_factory.mktemp("workflow")
    with Topology(folder, f"sqlite:///{folder}/test.db", environments=2) as topology:
        topology.start_worker()
        topology.train(topology.new_team("warm-up"))
        yield topology


@pytest.fixture
def topology(_service: Topology) -> Iterator[Topology]:
    _service.heal()
    yield _service
    _service.heal()


@pytest.fixture
def model() -> str:
    """A name that no other test has."""
    return f"team-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def team(topology: Topology, model: str) -> Team:
    """A model that goes to dev only."""
    return topology.new_team(model, stages=("dev",))
