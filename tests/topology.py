"""The whole service as real processes on free ports, which tests kill, freeze and start again.

with Topology(folder, database_url) as topology:
    topology.start_worker()
    team = topology.new_team("churn")
    release = topology.ask(team)
    topology.wait_for(release, "succeeded")

Workers are children of a nursery that has imported the Azure SDK once, so that a test which kills one has the next at once.
Everything ends with the ``with``, and with the test process, however it ends.
"""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from sqlmodel import Session

from app.bundles.pack import pack
from app.cli.development_login import DevelopmentLogin
from app.database.connection import Database
from app.events.tables import Event
from app.local.local_azure import local_environment
from app.local.ports import free_port
from app.local.processes import Program, Watchdog
from app.local.stack import emulator_command, emulator_environment
from app.releases.queries import list_events, revision_of
from app.workers.queries import list_workers
from app.workers.tables import Worker
from tests.azureml.team import ENVIRONMENT, write_bundle, write_training
from tests.waiting import PATIENCE_SECONDS, wait_until

Json = dict[str, Any]

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
PROVIDER = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ml/providers/Microsoft.MachineLearningServices"
JOB = "team-job"
CORES = 2000  # more than any test's deployments take


@dataclass(frozen=True)
class Team:
    """A model whose definition was applied: ``<model>-dev`` and ``<model>-prod`` are its endpoints."""

    model: str
    stages: tuple[str, ...]
    environment: str


@dataclass(frozen=True)
class WorkerProcess:
    """A worker that the nursery raised."""

    name: str
    pid: int
    log: Path
    ready: Path  # written once it takes work, and again each time it begins anew
    status: Path  # written when it has ended

    @property
    def is_running(self) -> bool:
        return not self.status.exists()

    @property
    def exit_status(self) -> int:
        return int(self.status.read_text())

    def ended(self) -> AssertionError:
        return AssertionError(f"{self.name} ended with {self.exit_status}: {self.log.read_text()[-2000:]}")


@dataclass
class Topology:
    """Emulator, migrated database, APIs, workers. ``variables`` add to every process's environment."""

    folder: Path
    database_url: str
    apis: int = 1
    lease_seconds: float = 3.0
    environments: int = 1  # that the training job's folder registers: team-env, team-env-2, …
    variables: Mapping[str, str] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._watchdog = Watchdog()
        self._programs: list[Program] = []
        self._workers: list[WorkerProcess] = []
        self._api_ports = [free_port() for _ in range(self.apis)]
        self._emulator_port = free_port()
        self._started = 0
        self.api_programs: list[Program] = []
        self.environment = {
            **local_environment(os.environ),
            "MLRELEASE_DATA": str(self.folder / "data"),
            "MLRELEASE_DATABASE_URL": self.database_url,
            "MLRELEASE_SUBSCRIPTION": SUBSCRIPTION,
            "MLRELEASE_LEASE_SECONDS": str(self.lease_seconds),
            "MLRELEASE_LOG_FORMAT": "json",
            "MLRELEASE_DEVELOPMENT_LOGIN": "true",
            "PYTHONUNBUFFERED": "1",
            # What workers do by themselves from time to time would come between what a test counts.
            "MLRELEASE_DRIFT_SECONDS": "0",
            "MLRELEASE_SWEEP_SECONDS": "0",
            **self.variables,
        }
        try:
            self._begin()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def _begin(self) -> None:
        self.start_emulator()
        self.environment |= emulator_environment(self.azure_folder)
        self._trust = ssl.create_default_context(cafile=self.environment["REQUESTS_CA_BUNDLE"])
        self.control("PUT", "quotas", {"location": "eastus", "family": "standardESv3Family", "cores": CORES})
        self._nursery = self._start_nursery()
        migration = self._start("migration", [sys.executable, "-m", "app.database"])
        migration.wait()
        self._programs.remove(migration)
        self.database = Database(self.database_url)
        for number in range(self.apis):
            self.api_programs.append(self.start_api(number))

    def stop(self) -> None:
        """End every process that was started, also what was frozen."""
        for worker in self._workers:
            _signal_group(worker.pid, signal.SIGKILL)
        for worker in list(self._workers):
            self.wait_for_end(worker)
        if hasattr(self, "_nursery"):
            self._nursery.communicate()  # ends its input, and so it
        for program in reversed(self._programs):
            _signal_group(program.pid, signal.SIGCONT)
            program.stop(seconds=15)
        if hasattr(self, "database"):
            self.database.dispose()
        self._watchdog.dismiss()

    # Processes

    @property
    def azure_folder(self) -> Path:
        return self.folder / "azure"

    def start_emulator(self) -> Program:
        """On the port that it had, with all that it knew."""
        ready = self.folder / "emulator.ready"
        ready.unlink(missing_ok=True)
        command = [emulator_command(), "serve", "--port", str(self._emulator_port), "--data", str(self.azure_folder)]
        self.emulator = self._start("emulator", [*command, "--ready-file", str(ready)])
        wait_until(lambda: ready.exists() or not self.emulator.is_running, what="the emulator is up")
        if not self.emulator.is_running:
            raise self.emulator.ended()
        return self.emulator

    def start_api(self, number: int = 0) -> Program:
        """The replica of that number, on the port that it had."""
        program = self._start(
            f"api-{number}", [sys.executable, "-m", "app.main"], MLRELEASE_PORT=str(self._api_ports[number])
        )
        wait_until(lambda: self.answers(number) or not program.is_running, what="the API answers")
        if not program.is_running:
            raise program.ended()
        return program

    def answers(self, number: int = 0) -> bool:
        try:
            return self.api("GET", "/health/ready", replica=number).is_success
        except httpx.TransportError:
            return False

    def start_worker(self, *, wait: bool = True, **variables: str) -> WorkerProcess:
        """One more worker; ``wait`` until it takes work."""
        self._started += 1
        name = f"worker-{self._started}"
        ready, log = self.folder / f"{name}.ready", self.folder / f"{name}.log"
        environment = {**self.environment, "MLRELEASE_READY_FILE": str(ready), **variables}
        assert self._nursery.stdin is not None, "opened as a pipe"
        assert self._nursery.stdout is not None, "opened as a pipe"
        self._nursery.stdin.write(json.dumps({"log": str(log), "environment": environment}) + "\n")
        self._nursery.stdin.flush()
        pid = int(self._nursery.stdout.readline())
        self._watchdog.tell("+", pid)
        worker = WorkerProcess(name, pid, log, ready, self.folder / f"{pid}.status")
        self._workers.append(worker)
        if wait:
            self.wait_until_ready(worker)
        return worker

    def wait_until_ready(self, worker: WorkerProcess) -> None:
        wait_until(lambda: worker.ready.exists() or not worker.is_running, what=f"{worker.name} takes work")
        if not worker.is_running:
            raise worker.ended()

    def kill(self, process: Program | WorkerProcess) -> None:
        """As ``kill -9`` of this one process, and wait until it is gone."""
        if not process.is_running:
            raise process.ended()
        os.kill(process.pid, signal.SIGKILL)
        self.wait_for_end(process)

    def wait_for_end(self, process: Program | WorkerProcess, *, seconds: float = 30) -> None:
        """Wait until a process has ended."""
        wait_until(lambda: not process.is_running, what=f"the end of {process.name}", seconds=seconds)
        self._watchdog.tell("-", process.pid)
        if isinstance(process, WorkerProcess):
            self._workers.remove(process)
        else:
            self._programs.remove(process)

    def send(self, process: Program | WorkerProcess, number: signal.Signals) -> None:
        os.kill(process.pid, number)

    @property
    def workers(self) -> list[WorkerProcess]:
        return list(self._workers)

    def worker_rows(self) -> list[Worker]:
        """Who holds a lease."""
        rows: list[Worker] = self.read(list_workers)
        return rows

    def id_of(self, worker: WorkerProcess) -> str | None:
        """The name under which a process holds a lease now."""
        return next((row.id for row in self.worker_rows() if row.pid == worker.pid), None)

    def driver_of(self, release: str) -> WorkerProcess:
        """The worker that was last seen at the release's steps, or any where none was yet."""
        pids = {row.id: row.pid for row in self.worker_rows()}
        drivers = [pids.get(event.data["worker"]) for event in self.events(release) if event.data.get("worker")]
        by_pid = {worker.pid: worker for worker in self._workers}
        return next((by_pid[pid] for pid in reversed(drivers) if pid in by_pid), self._workers[0])

    @property
    def is_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    def revision_of(self, release: str) -> int:
        """Of the database, not of an API that may be down."""
        revision: int = self.read(lambda session: revision_of(session, release))
        return revision

    def _start_nursery(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.nursery", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=(self.folder / "nursery.log").open("a"),
            env=self.environment,
            text=True,
            start_new_session=True,
        )

    def _start(self, name: str, command: list[str], **variables: str) -> Program:
        program = Program(
            name,
            command,
            environment={**self.environment, **variables},
            log=self.folder / f"{name}.log",
            watchdog=self._watchdog,
        )
        self._programs.append(program)
        return program

    # Over HTTP

    def api(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        replica: int = 0,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """One request to an API process, as somebody called anna."""
        return httpx.request(
            method,
            f"http://127.0.0.1:{self._api_ports[replica]}{path}",
            json=body,
            content=content,
            headers=headers,
            auth=DevelopmentLogin("anna", Path(self.environment["MLRELEASE_DATA"])),
            timeout=60,
            trust_env=False,
        )

    def ask_api(self, method: str, path: str, body: Any = None) -> Json:
        answer = self.api(method, path, body)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}"
        document: Json = answer.json()
        return document

    def upload(self, folder: Path) -> str:
        """The digest of the folder's bundle."""
        answer = self.api("POST", "/v1/bundles", content=pack(folder), headers={"Content-Type": "application/gzip"})
        assert answer.is_success, answer.text
        digest: str = answer.json()["digest"]
        return digest

    def new_team(
        self,
        model: str,
        *,
        stages: tuple[str, ...] = ("dev", "prod"),
        environment: str = "team-env",
        timeouts: Mapping[str, float] | None = None,
        approval: bool = False,
        bundle: Callable[[Path], object] = Path.exists,
    ) -> Team:
        """Apply a definition. ``timeouts`` are minutes by step kind; ``bundle`` may change the folder before it is packed."""
        folder = write_bundle(self.folder / f"bundle-{model}-{time.monotonic_ns()}")
        (folder / "release.yml").write_text(
            _definition(model, stages, environment=environment, timeouts=timeouts or {}, approval=approval)
        )
        bundle(folder)
        self.ask_api("POST", "/v1/models", {"bundle": self.upload(folder)})
        return Team(model, stages, environment)

    def train(self, team: Team, job: str = JOB, *, wait: bool = True) -> str:
        """Have a training job run to its end. Needs a worker; environments are registered with it."""
        folder = write_training(self.folder / f"training-{job}")
        files = []
        for number in range(1, self.environments + 1):
            file = f"environment-{number}.yml"
            name = "team-env" if number == 1 else f"team-env-{number}"
            (folder / file).write_text(ENVIRONMENT.replace("name: team-env", f"name: {name}"))
            files.append(file)
        body = {"model": team.model, "name": job, "bundle": self.upload(folder), "entry": "pipeline.yml"}
        self.ask_api("POST", "/v1/jobs", {**body, "environments": files})
        if wait:
            self.wait_for_job(job)
        return job

    def wait_for_job(self, job: str) -> None:
        def ended() -> bool:
            seen = self.ask_api("GET", f"/v1/jobs/{job}")
            assert seen["status"] not in {"Failed", "Canceled", "NotFound"}, seen
            return bool(seen["status"] == "Completed")

        wait_until(ended, what=f"{job} has completed", every=0.2)

    def ask(self, team: Team, job: str = JOB, **more: Any) -> str:
        """A new release's id."""
        release: str = self.ask_api("POST", "/v1/releases", {"model": team.model, "job": job, **more})["id"]
        return release

    def go_back(self, team: Team) -> str:
        """A new rollback's id, in dev."""
        target = f"{SUBSCRIPTION}/rg-ml/ws-dev/{team.model}-dev"
        asked = self.ask_api("POST", f"/v1/targets/{target}/rollback", {"reason": "It answers wrongly."})
        return str(asked["id"])

    def revert(self, team: Team) -> str:
        """The id of a new release that brings back dev's traffic, which somebody has taken away."""
        target = self._drifted(team, traffic={})
        asked = self.ask_api("POST", f"/v1/targets/{target}/revert", {"reason": "Nobody approved that."})
        return str(asked["id"])

    def adopt(self, team: Team) -> str:
        """The id of a new release that takes dev as it is: somebody has mirrored its traffic to what served before."""
        serving = self.azure(self._endpoint(team))["properties"]["traffic"]
        idle = [each["name"] for each in self.azure(f"{self._endpoint(team)}/deployments")["value"]]
        self._drifted(team, mirrorTraffic={next(each for each in idle if not serving.get(each)): 10})
        return str(self.ask_api("POST", f"/v1/models/{team.model}/stages/dev/adopt", {})["id"])

    def _drifted(self, team: Team, **properties: Any) -> str:
        """Have somebody change dev's endpoint in Azure, and a worker see it; the target."""
        target = f"{SUBSCRIPTION}/rg-ml/ws-dev/{team.model}-dev"
        found = self.azure(self._endpoint(team))
        changed = {**found, "properties": {**found["properties"], **properties}}
        self.azure(self._endpoint(team), method="PUT", body=changed)

        def is_seen() -> bool:
            state = self.azure(self._endpoint(team))["properties"]["provisioningState"]
            if state == "Succeeded":
                self.ask_api("POST", f"/v1/targets/{target}/drift")
            return bool(self.ask_api("GET", f"/v1/targets/{target}/drift")["differences"])

        wait_until(is_seen, what=f"the drift of {target} is seen", every=1.0)
        return target

    def _endpoint(self, team: Team) -> str:
        return f"workspaces/ws-dev/onlineEndpoints/{team.model}-dev"

    def lift_holds(self) -> None:
        """Those that rollbacks left."""
        for each in self.ask_api("GET", "/v1/freezes")["items"]:
            assert self.api("DELETE", f"/v1/freezes/{each['id']}").is_success, each

    def release(self, release: str) -> Json:
        return self.ask_api("GET", f"/v1/releases/{release}")

    def approve(self, release: str, stage: str) -> Json:
        """One word for the plan as it is now."""
        path = f"/v1/releases/{release}/rollouts/{stage}"
        return self.ask_api("POST", f"{path}/approve", {"plan_digest": self.ask_api("GET", f"{path}/plan")["digest"]})

    def wait_for(self, release: str, *statuses: str, seconds: float = PATIENCE_SECONDS) -> Json:
        """The release once it has one of these statuses; fails at once when it has ended as another."""
        until = time.monotonic() + seconds
        while (seen := self.release(release))["status"] not in statuses:
            over = seen["status"] in {"succeeded", "failed", "cancelled", "superseded", "approval_rejected", "expired"}
            assert not over, f"{release} is {seen['status']}: {seen['sentence']}"
            assert time.monotonic() < until, f"{release} is still {seen['status']}: {seen['sentence']}"
            time.sleep(0.1)
        return seen

    # In the database

    def read(self, query: Callable[[Session], Any]) -> Any:
        with self.database.read() as session:
            return query(session)

    def events(self, release: str | None = None, *, after: int = 0) -> list[Event]:
        """The oldest first."""
        found: list[Event] = self.read(
            lambda session: list_events(session, release_id=release, after=after, limit=1_000_000)
        )
        return found

    def wait_for_event(
        self, release: str, kind: str, *, subject: str = "", after: int = 0, seconds: float = PATIENCE_SECONDS
    ) -> Event:
        """The release's first event of a kind whose subject ends so."""

        def look() -> Event | None:
            events = self.events(release, after=after)
            return next((each for each in events if each.kind == kind and each.subject.endswith(subject)), None)

        found = wait_until(look, what=f"{release}: {kind} {subject}", seconds=seconds)
        assert isinstance(found, Event)
        return found

    # In the emulated Azure

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """What tests do to the emulator."""
        url = f"https://127.0.0.1:{self._emulator_port}/emulator/v1/{path}"
        headers = {"Authorization": f"Bearer {(self.azure_folder / 'control.secret').read_text()}"}
        answer = httpx.request(method, url, json=body, headers=headers, verify=self._trust, timeout=30, trust_env=False)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def delay(self, **seconds: float) -> None:
        """How long operations take: ``endpoint=1.0``."""
        self.control("PUT", "delays", seconds)

    def break_request(self, path: str, **fault: Any) -> None:
        self.control("POST", "faults/requests", {"path": path, **fault})

    def break_operation(self, operation: str, **fault: Any) -> None:
        self.control("POST", "faults/operations", {"operation": operation, **fault})

    def heal(self) -> None:
        self.control("DELETE", "faults")

    def faults(self) -> list[Json]:
        """Those that still wait for a request."""
        listed: list[Json] = self.control("GET", "faults")["requests"]
        return listed

    def operations(self, kind: str, *, resource: str = "", status: str = "InProgress") -> list[Json]:
        """Azure's operations of a kind on resources whose id contains this."""
        return [
            each
            for each in self.control("GET", "operations")
            if each["kind"] == kind and each["status"] == status and resource in each["resource"]
        ]

    def azure(self, path: str, *, audience: str | None = None, method: str = "GET", body: Any = None) -> Json:
        """What Azure shows its owner at an address below the subscription and resource group, or at a whole path."""
        base = f"https://127.0.0.1:{self._emulator_port}"
        with httpx.Client(base_url=base, verify=self._trust, timeout=30, trust_env=False) as client:
            asked = {
                "grant_type": "client_credentials",
                "client_id": self.environment["AZURE_CLIENT_ID"],
                "client_secret": self.environment["AZURE_CLIENT_SECRET"],
                "scope": f"{audience or base}/.default",
            }
            token = client.post(f"/adfs/{self.environment['AZURE_TENANT_ID']}/oauth2/v2.0/token", data=asked)
            token.raise_for_status()
            whole = path if path.startswith("/") else f"{PROVIDER}/{path}"
            headers = {"Authorization": f"Bearer {token.json()['access_token']}"}
            answer = client.request(method, whole, headers=headers, json=body)
            answer.raise_for_status()
            shown: Json = answer.json()
            return shown

    def score(self, uri: str, *, key: str, request: Any) -> httpx.Response:
        """What an endpoint answers to whoever asks it."""
        authorized = {"Authorization": f"Bearer {key}"}
        return httpx.post(uri, json=request, headers=authorized, verify=self._trust, timeout=30, trust_env=False)

    def requests(self, *, skip: int = 0) -> list[Json]:
        """What was asked of the emulated Azure, tests' own control apart."""
        lines = (self.azure_folder / "requests.jsonl").read_text().splitlines()[skip:]
        return [line for line in map(json.loads, lines) if not line["path"].startswith("/emulator/")]


@contextmanager
def frozen(topology: Topology, process: Program | WorkerProcess) -> Iterator[None]:
    """Stopped as by SIGSTOP, and let go on at the end."""
    topology.send(process, signal.SIGSTOP)
    try:
        yield
    finally:
        topology.send(process, signal.SIGCONT)


def _definition(
    model: str, stages: tuple[str, ...], *, environment: str, timeouts: Mapping[str, float], approval: bool
) -> str:
    known = {
        "dev": {"workspace": "ws-dev", "key_vault": "kv-dev"},
        "prod": {"workspace": "ws-prod", "key_vault": "kv-prod", "registry": "reg-shared"},
    }
    definition: Json = {
        "model": {"name": model, "output": "model", "file": "factor.json"},
        "environment": f"azureml:{environment}@latest",
        "checks": {"golden": "golden.json"},
        "stages": [
            {
                "name": stage,
                "resource_group": "rg-ml",
                "endpoint": f"{model}-{stage}",
                **known[stage],
                **({"approval": "required"} if approval and stage == "prod" else {}),
            }
            for stage in stages
        ],
    }
    if timeouts:
        definition["timeouts"] = dict(timeouts)
    return json.dumps(definition, indent=2)  # JSON is YAML


def _signal_group(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return
