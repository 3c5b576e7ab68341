"""The whole service as processes, and what its users do over HTTP."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from app.cli.development_login import DevelopmentLogin
from app.local.ports import free_port
from app.local.stack import Stack, emulator_command
from tests.journeys.azure import KEPT_FOR_LESS, Azure, looking_at

Json = dict[str, Any]

# Where a release stands still: it has ended, or waits for people.
STILL = {
    "succeeded",
    "failed",
    "cancelled",
    "superseded",
    "approval_rejected",
    "pending_approval",
    "paused",
}
PATIENCE_SECONDS = 180.0  # of conditions: the machine may be busy


class Running:
    """A stack that is up: its API over HTTP, its Azure from outside."""

    def __init__(self, stack: Stack, azure: Azure, http: httpx.Client) -> None:
        self.stack = stack
        self.azure = azure
        self.http = http
        self._version: tuple[str, ...] = ()  # of the worker; empty: as installed

    def get(self, path: str, **query: Any) -> Json:
        answer = self.http.get(path, params=query)
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    def post(self, path: str, body: Json, *, who: str = "anna") -> Json:
        answer = self.http.post(path, json=body, headers={"Mlrelease-Actor": who})
        assert answer.is_success, answer.text
        found: Json = answer.json()
        return found

    def upload(self, archive: bytes) -> str:
        answer = self.http.post("/v1/bundles", content=archive, headers={"Content-Type": "application/gzip"})
        assert answer.status_code == 201, answer.text
        digest: str = answer.json()["digest"]
        return digest

    def release(self, release_id: str) -> Json:
        return self.get(f"/v1/releases/{release_id}")

    def until_still(self, release_id: str) -> Json:
        """The release once it has ended or waits for people, followed as CI does: with ETag and wait."""
        until, etag = time.monotonic() + PATIENCE_SECONDS, ""
        while True:
            answer = self.http.get(f"/v1/releases/{release_id}", params={"wait": 20}, headers={"If-None-Match": etag})
            if answer.status_code != httpx.codes.NOT_MODIFIED:
                assert answer.is_success, answer.text
                release: Json = answer.json()
                if release["status"] in STILL:
                    return release
                etag = answer.headers["ETag"]
            assert time.monotonic() < until, f"{release_id} is still {release['status']}: {release['sentence']}"

    def until(self, release_id: str, condition: Callable[[Json], bool]) -> Json:
        """The release once the condition holds for it."""
        until = time.monotonic() + PATIENCE_SECONDS
        while not condition(release := self.release(release_id)):
            assert time.monotonic() < until, f"{release_id} is still {release['status']}: {release['sentence']}"
            time.sleep(0.05)
        return release

    def until_step(self, release_id: str, stage: str, key: str, *statuses: str) -> Json:
        """The release once a step has one of these statuses."""

        def has_come(release: Json) -> bool:
            over = release["status"] in STILL - {"pending_approval"}
            assert not over, f"{release_id} is {release['status']}: {release['sentence']}"
            return any(
                (rollout["stage"], step["key"]) == (stage, key) and step["status"] in statuses
                for rollout in release["rollouts"]
                for step in rollout["steps"]
            )

        return self.until(release_id, has_come)

    def until_job_ends(self, name: str) -> Json:
        return self.until_job(name, lambda job: bool(job["is_final"]))

    def until_job(self, name: str, condition: Callable[[Json], bool]) -> Json:
        until = time.monotonic() + PATIENCE_SECONDS
        while not condition(job := self.get(f"/v1/jobs/{name}")):
            assert time.monotonic() < until, f"{name} is still {job['status']}: {job['sentence']}"
            time.sleep(0.1)
        return job

    def work_as(self, **variables: str) -> None:
        """Have a worker with these variables: another one, unless the present one has them."""
        if variables.items() <= self.stack.environment.items():
            return
        self.stack.end("worker")
        self.stack.environment.update(variables)
        self.stack.wait_until(self.stack.start_worker(), what="worker")

    def replace_worker(self, *, by: signal.Signals, version: Sequence[str] = ()) -> None:
        """End the worker by a signal, and have another one. ``version``: of that one's software and of its engine, from then on."""
        self._version = tuple(version) or self._version
        pid = next(each["pid"] for each in self.get("/v1/workers")["items"])
        os.kill(pid, by)
        self.stack.end("worker")
        ready = self.stack.logs / "worker.ready"
        if not self._version:
            self.stack.wait_until(self.stack.start_worker(), what="worker")
            return
        ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.other_version", *self._version]
        self.stack.start("worker", command, MLRELEASE_READY_FILE=str(ready))
        self.stack.wait_until(ready.exists, what="worker")

    def stop_emulator(self) -> None:
        self.stack.end("emulator")

    def start_emulator(self) -> None:
        """Again, on the port that it had."""
        port, ready = str(urlsplit(self.azure.base_url).port), self.stack.logs / "emulator.ready"
        ready.unlink()
        command = [emulator_command(), "serve", "--port", port, "--data", str(self.azure.data)]
        self.stack.start("emulator", [*command, "--ready-file", str(ready)])
        self.stack.wait_until(ready.exists, what="emulator")

    def events(self, release_id: str) -> list[Json]:
        """Everything that happened to it, the oldest first."""
        found: list[Json] = []
        while page := self.get(f"/v1/releases/{release_id}/events", after=found[-1]["seq"] if found else 0)["items"]:
            found += page
        return found


@contextmanager
def running(data: Path, *, database_url: str = "", **settings: str) -> Iterator[Running]:
    """Everything up, as ``mlrelease up`` does it, until the end of the ``with``. ``settings``: environment variables."""
    variables = {"MLRELEASE_DATABASE_URL": database_url, "MLRELEASE_JOB_POLL_SECONDS": "0.3", **settings}
    with (
        Stack(data=data, port=free_port(), emulator_port=0, variables=variables) as stack,
        httpx.Client(
            base_url=stack.address,
            auth=DevelopmentLogin("anna", data),
            trust_env=False,
            timeout=60,
            limits=KEPT_FOR_LESS,
        ) as http,
        looking_at(dict(stack.environment), data / "azure") as azure,
    ):
        yield Running(stack, azure, http)
