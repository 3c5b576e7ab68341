"""An emulator in a process of its own, and what tests do to it."""

import json
import os
import resource
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[2]


@dataclass
class RunningEmulator:
    """One data folder and the process that serves it; it can be killed and started again."""

    folder: Path
    largest_file: int | None = None  # in bytes: as if the disk had no room for more
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)
    base_url: str = ""
    seconds_to_ready: float = 0.0
    client: httpx.Client = field(init=False)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def log(self) -> str:
        return (self.folder / "emulator.log").read_text()

    def start(self, *, port: int = 0) -> None:
        """Serve, and wait until requests are answered."""
        ready = self.folder / "ready.json"
        ready.unlink(missing_ok=True)
        begun = time.monotonic()
        command = [sys.executable, "-m", "emulator", "serve", "--ready-file", str(ready)]
        command += ["--port", str(port), "--data", str(self.data)]
        with (self.folder / "emulator.log").open("ab") as output:
            self.process = subprocess.Popen(
                command,
                stdout=output,
                stderr=output,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
                preexec_fn=self._limit if self.largest_file else None,
            )
        while not ready.exists():
            assert self.process.poll() is None, f"the emulator ended: {self.log}"
            assert time.monotonic() < begun + 60, f"the emulator does not start: {self.log}"
            time.sleep(0.02)
        self.seconds_to_ready = time.monotonic() - begun
        known = json.loads((self.data / "emulator.json").read_text())
        self.base_url, self.environment = known["base_url"], known["environment"]
        trust = ssl.create_default_context(cafile=self.environment["REQUESTS_CA_BUNDLE"])
        self.client = httpx.Client(base_url=self.base_url, verify=trust, timeout=30)

    def _limit(self) -> None:
        if self.largest_file:
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.largest_file, self.largest_file))

    def stop(self) -> int:
        """End it in order; the exit status."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> int:
        if self.process is None:
            return 0
        self.client.close()
        self.process.send_signal(how)
        status = self.process.wait(timeout=30)
        self.process = None
        return status

    def token(self, *, client_id: str | None = None, secret: str | None = None, audience: str | None = None) -> str:
        """An access token of the owner, or of somebody else."""
        answer = self.client.post(
            f"/adfs/{self.environment['AZURE_TENANT_ID']}/oauth2/v2.0/token",
            data={
                "grant_type": "client_credentials",
                "client_id": client_id or self.environment["AZURE_CLIENT_ID"],
                "client_secret": secret or self.environment["AZURE_CLIENT_SECRET"],
                "scope": f"{audience or self.base_url}/.default",
            },
        )
        answer.raise_for_status()
        return str(answer.json()["access_token"])

    def ask(self, method: str, path: str, body: Any = None, **more: Any) -> httpx.Response:
        """A request in the owner's name."""
        headers = {"Authorization": f"Bearer {self.token()}", **more.pop("headers", {})}
        return self.client.request(method, path, json=body, headers=headers, **more)

    def delay(self, **seconds: float) -> None:
        """How long operations take: ``endpoint=1.0``."""
        self._control("PUT", "delays", seconds)

    def break_request(self, path: str, **fault: Any) -> None:
        """What happens to the next requests whose path matches; see ``emulator.faults.RequestFault``."""
        self._control("POST", "faults/requests", {"path": path, **fault})

    def break_operation(self, operation: str, **fault: Any) -> None:
        """How the next operations of a kind end; see ``emulator.faults.OperationFault``."""
        self._control("POST", "faults/operations", {"operation": operation, **fault})

    def heal(self) -> None:
        self._control("DELETE", "faults", None)

    def new_principal(self, name: str, *assignments: dict[str, Any]) -> dict[str, Any]:
        """A service principal with these rights and no others."""
        made: dict[str, Any] = self._control("POST", "principals", {"name": name, "assignments": list(assignments)})
        return made

    def requests(self) -> list[dict[str, Any]]:
        """All requests so far, oldest first."""
        return [json.loads(line) for line in (self.data / "requests.jsonl").read_text().splitlines()]

    @property
    def control_headers(self) -> dict[str, str]:
        """What the control API asks for."""
        return {"Authorization": f"Bearer {(self.data / 'control.secret').read_text()}"}

    def _control(self, method: str, path: str, body: Any) -> Any:
        answer = self.client.request(method, f"/emulator/v1/{path}", json=body, headers=self.control_headers)
        answer.raise_for_status()
        return answer.json() if answer.content else None


@contextmanager
def running_emulator(folder: Path) -> Iterator[RunningEmulator]:
    """Serve from ``folder`` on a free port, until the end of the ``with``."""
    running = RunningEmulator(folder)
    running.start()
    try:
        yield running
    finally:
        running.stop()
