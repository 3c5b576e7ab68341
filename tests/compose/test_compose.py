"""The topology of docker-compose.yml as processes: same commands, environment and order; one of each is killed, work goes on.

What stands in for Docker: names of hosts become loopback addresses, ports become free ones, the volume a folder, the database
image a real PostgreSQL. `restart: unless-stopped` is done by the test.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from sqlalchemy import make_url

from app.database.connection import Database
from app.events.chain import verify_chain
from app.events.tables import EventHead
from app.local.ports import free_port
from app.local.processes import Program
from app.process.environment import SECRETS
from tests.compose.file import ROOT, Service, image_command, in_order, read_secrets, read_services
from tests.conftest import create_database, url_of
from tests.image.dockerfile import is_sent, read_dockerfile
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
        program = self._start(
            service.name, [self._here(service, part) for part in command], **self._environment(service)
        )
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
        here = {name: self._here(service, value) for name, value in service.environment.items()}
        if service.name.startswith("api-"):
            here |= {"MLRELEASE_HOST": "127.0.0.1", "MLRELEASE_PORT": str(self._api_ports[int(service.name[-1]) - 1])}
            here |= {"MLRELEASE_DEVELOPMENT_LOGIN": "true"}  # the topology says names and sends no tokens
        return here

    def _here(self, service: Service, value: str) -> str:
        if value.startswith("postgresql+psycopg://"):
            assert re.fullmatch(r"postgresql\+psycopg://mlrelease@(postgres|127\.0\.0\.1):5432/mlrelease", value)
            return self.database_url
        match value:
            case "/azure":
                return str(self.azure_folder)
            case "/tmp/ready":  # noqa: S108 - in a container's own file system
                return str(self.folder / f"{service.name}.ready")
            case "/run/secrets":
                return str(self._secrets_of(service))
            case "8443":
                return str(self._emulator_port)
            case _:
                return value

    def _secrets_of(self, service: Service) -> Path:
        """As they are mounted: those that the service names, and no others."""
        folder = self.folder / f"{service.name}.secrets"
        folder.mkdir(exist_ok=True)
        for name in service.secrets:
            (folder / name).write_text("" if name.startswith("AZURE") else "a" * 64 + "\n")
        return folder


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


OURS = [each for each in read_services(profile="local", variables={}).values() if each.is_ours]


@pytest.mark.parametrize("service", OURS, ids=lambda each: each.name)
def test_our_containers_write_nowhere_but_in_volumes_and_may_do_nothing_of_roots(service: Service) -> None:
    assert service.written["read_only"] is True
    assert service.written["tmpfs"] == ["/tmp"]  # noqa: S108 - in a container's own file system
    assert service.written["cap_drop"] == ["ALL"]
    assert service.written["security_opt"] == ["no-new-privileges:true"]


@pytest.mark.parametrize("service", OURS, ids=lambda each: each.name)
def test_whatever_goes_on_is_asked_whether_it_is_well(service: Service) -> None:
    asked = service.written.get("healthcheck")
    if service.restart == "no":
        assert asked == {"disable": True}
    elif service.command:
        *program, file = service.written["healthcheck"]["test"]
        assert program == ["CMD", "test", "-f"]
        assert file in {service.environment.get("MLRELEASE_READY_FILE"), service.command[-1]}
    else:  # the image's own, of the API
        (check,) = read_dockerfile()["production"].all("HEALTHCHECK")
        assert "/health/ready" in check.text
        assert asked is None


def test_secrets_are_files_and_no_password_is_in_the_file() -> None:
    files = read_secrets(variables={})

    for service in read_services(profile="local", variables={}).values():
        told = {name: value for name, value in service.environment.items() if name in SECRETS or "PASSWORD" in name}
        assert set(told) <= {"MLRELEASE_DATABASE_URL", "POSTGRES_PASSWORD_FILE"}
        assert make_url(told.get("MLRELEASE_DATABASE_URL", "sqlite://")).password is None
    assert set(files) <= SECRETS
    assert all(Path(file) == Path("secrets", name) for name, file in files.items())
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()
    assert not is_sent(PurePosixPath("secrets/PGPASSWORD"))


def test_each_service_is_given_the_secrets_that_it_needs_and_no_others() -> None:
    given = {name: set(each.secrets) for name, each in read_services(profile="local", variables={}).items()}

    assert given == {
        "postgres": {"PGPASSWORD"},
        "migrate": {"PGPASSWORD"},
        "emulator": set(),
        "worker-1": {"PGPASSWORD", "MLRELEASE_SIGNING_KEYS", "AZURE_CLIENT_SECRET"},
        "worker-2": {"PGPASSWORD", "MLRELEASE_SIGNING_KEYS", "AZURE_CLIENT_SECRET"},
        "api-1": {"PGPASSWORD", "MLRELEASE_SIGNING_KEYS"},
        "api-2": {"PGPASSWORD", "MLRELEASE_SIGNING_KEYS"},
    }


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
