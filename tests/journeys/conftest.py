"""One running service for each test process; teams that have it to themselves by their names."""

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.running import Running, running
from tests.journeys.team import Team

# Of the family that the tiny models run on: journeys are not about quota, but for the one that is.
FAMILY = "standardESv3Family"


@pytest.fixture(scope="package")
def shared_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with running(tmp_path_factory.mktemp("service"), MLRELEASE_LOG_FORMAT="json") as service:
        service.azure.set_quota(FAMILY, 4000)
        yield service


@pytest.fixture
def service(shared_service: Running) -> Iterator[Running]:
    """The service over SQLite; its Azure is healed afterwards."""
    yield shared_service
    shared_service.azure.heal()
    shared_service.azure.set_quota(FAMILY, 4000)


@pytest.fixture
def new_team(service: Running, tmp_path: Path) -> Iterator[Callable[[], Team]]:
    """Makes teams with names that no other test has, and clears up after them."""
    teams: list[Team] = []

    def make() -> Team:
        teams.append(Team(service, tmp_path / uuid.uuid4().hex[:6]))
        return teams[-1]

    yield make
    service.azure.heal()
    for team in teams:
        team.leave()


@pytest.fixture
def team(new_team: Callable[[], Team]) -> Team:
    """A team whose definition is applied."""
    team = new_team()
    team.apply()
    return team


@pytest.fixture
def trained(team: Team) -> str:
    """The name of the team's training job, which has completed."""
    return team.train()


@pytest.fixture(scope="package")
def released_once(shared_service: Running, tmp_path_factory: pytest.TempPathFactory) -> tuple[Team, str]:
    team = Team(shared_service, tmp_path_factory.mktemp("released"))
    team.apply()
    return team, team.release(team.train())["id"]


@pytest.fixture
def released(service: Running, released_once: tuple[Team, str]) -> tuple[Team, str]:  # noqa: ARG001 - healed afterwards
    """A team whose model serves in dev and prod, and the id of the release that brought it there. For tests that only look."""
    return released_once
