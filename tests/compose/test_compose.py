"""The topology of docker-compose.yml as processes: same commands, environment and order; one of each is killed, work goes on.

What stands in for Docker: names of hosts become loopback addresses, ports become free ones, the volume a folder, the database
image a real PostgreSQL. `restart: unless-stopped` is done by the test.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.database.connection import Database
from app.events.chain import verify_chain
from app.events.tables import EventHead
from app.local.ports import free_port
from app.local.processes import Program
from tests.compose.file import Service, image_command, in_order, read_services
from tests.conftest import create_database, url_of
from tests.topology import Topology
from tests.waiting import wait_until

BIN = Path(sys.executable).parent


class Compose(Topology):
    """The services of the file, on this machine's loopback."""

    def _begin(self) -> None:
        self.services = read_services(profile="local", variables={})
        self.running: dict[str, Program] = {}
        for service in in_order(self.services):
            if service.name == "postgres":
                continue  # the fixture's: healthy already
            self.start_service(service)
            conditions = {each.needs.get(service.name) for each in self.services.values()}
            if "service_completed_successfully" in conditions:
                done = self.running.pop(service.name)
                done.wait()
                self._programs.remove(done)
        self.database = Database(self.database_url)
        for number in range(self.apis):
            self.wait_until_answers(number)

    def start_service(self, service: Service) -> Program:
        command = [*(service.command or image_command())]
        command[0] = str(BIN / command[0])
        program = self._start(service.name, [self._here(part) for part in command], **self._environment(service))
        self.running[service.name] = program
        return program

    def wait_until_answers(self, number: int) -> None:
        wait_until(lambda: self.answers(number), what=f"api-{number + 1} answers")

    def restart(self, name: str) -> None:
        """As Docker does with ``restart: unless-stopped`` after a kill."""
        assert self.services[name].restart == "unless-stopped"
        self.kill(self.running[name])
        self.start_service(self.services[name])

    def _environment(self, service: Service) -> dict[str, str]:
        here = {name: self._here(value) for name, value in service.environment.items()}
        if service.name.startswith("api-"):
            here |= {"MLRELEASE_HOST": "127.0.0.1", "MLRELEASE_PORT": str(self._api_ports[int(service.name[-1]) - 1])}
            here |= {"MLRELEASE_DEVELOPMENT_LOGIN": "true"}  # the topology says names and sends no tokens
        return here

    def _here(self, value: str) -> str:
        if value.startswith("postgresql+psycopg://"):
            assert re.fullmatch(
                r"postgresql\+psycopg://mlrelease:mlrelease@(postgres|127\.0\.0\.1):5432/mlrelease", value
            )
            return self.database_url
        if value == "/azure":
            return str(self.azure_folder)
        return str(self._emulator_port) if value == "8443" else value


@pytest.fixture
def compose(postgresql: str, tmp_path: Path) -> Iterator[Compose]:
    url = url_of(postgresql, create_database(postgresql, f"compose_{os.getpid()}_{free_port()}"))
    fast = {"MLRELEASE_LEASE_SECONDS": "3"}
    with Compose(tmp_path, url, apis=2, variables=fast) as running:
        yield running


def test_api_replicas_are_published_on_loopback_only() -> None:
    published = [port for service in read_services(profile="local", variables={}).values() for port in service.ports]

    assert published
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_without_the_profile_there_is_no_emulator() -> None:
    real = {"MLRELEASE_AZURE": "azure", "MLRELEASE_EMULATOR": ""}
    services = read_services(profile="", variables=real)

    assert "emulator" not in services
    assert services["worker-1"].environment["MLRELEASE_EMULATOR"] == ""
    assert services["worker-1"].environment["MLRELEASE_AZURE"] == "azure"


@pytest.mark.slow
def test_one_of_each_is_killed_and_the_release_goes_on(compose: Compose) -> None:
    team = compose.new_team("churn")
    compose.train(team)
    release = compose.ask(team)

    compose.wait_for_event(release, "step.running", subject="dev:create_endpoint")
    compose.restart("worker-1")
    compose.restart("api-1")
    compose.wait_until_answers(0)
    compose.wait_for_event(release, "step.running", subject="create_deployment")
    compose.restart("emulator")

    done = compose.wait_for(release, "succeeded", seconds=240)
    assert [rollout["status"] for rollout in done["rollouts"]] == ["succeeded", "succeeded"]
    assert compose.api("GET", f"/v1/releases/{release}", replica=1).json()["status"] == "succeeded"
    events = compose.events()
    assert compose.read(lambda session: verify_chain(events, head=session.get_one(EventHead, 1))) == len(events)
    succeeded = [event.subject for event in events if event.kind == "step.succeeded"]
    assert len(succeeded) == len(set(succeeded)), "no step is done twice"
