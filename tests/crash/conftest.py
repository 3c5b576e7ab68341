"""One service over SQLite with one worker, one over PostgreSQL with two, each kept over the tests of a process."""

from collections.abc import Iterator

import pytest

from tests.crash.points import WAITING_KIND
from tests.postgresql import PostgresServer, running_postgresql
from tests.topology import Topology
from tests.waiting_steps import WAITS_IN

LEASE_SECONDS = 3.0
VARIABLES = {"MLRELEASE_RECONCILE_SECONDS": "1", WAITS_IN: WAITING_KIND}


@pytest.fixture(scope="package")
def server() -> Iterator[PostgresServer]:
    with running_postgresql() as server:
        yield server


@pytest.fixture(scope="package")
def _kept() -> Iterator[dict[str, Topology]]:
    kept: dict[str, Topology] = {}
    yield kept
    for topology in kept.values():
        topology.stop()


def _service(kind: str, kept: dict[str, Topology], request: pytest.FixtureRequest) -> Topology:
    if kind not in kept:
        folder = request.getfixturevalue("tmp_path_factory").mktemp(kind)
        is_sqlite = kind == "sqlite"
        url = f"sqlite:///{folder}/test.db" if is_sqlite else request.getfixturevalue("server").new_database()
        topology = Topology(folder, url, apis=1 if is_sqlite else 2, lease_seconds=LEASE_SECONDS, variables=VARIABLES)
        kept[kind] = topology.__enter__()
        topology.start_worker()
        topology.train(topology.new_team("warm-up"))
    topology = kept[kind]
    topology.heal()
    while len(topology.workers) < (1 if topology.is_sqlite else 2):
        topology.start_worker()
    return topology


@pytest.fixture(params=["sqlite", "postgresql"])
def topology(request: pytest.FixtureRequest, _kept: dict[str, Topology]) -> Iterator[Topology]:
    """The service over each database."""
    topology = _service(request.param, _kept, request)
    yield topology
    topology.heal()


@pytest.fixture
def pair(request: pytest.FixtureRequest, server: PostgresServer, _kept: dict[str, Topology]) -> Iterator[Topology]:  # noqa: ARG001 - it must end after them
    """Two workers over PostgreSQL."""
    topology = _service("postgresql", _kept, request)
    yield topology
    topology.heal()
