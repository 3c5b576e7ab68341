"""An emulator of our own in a process of its own, and what tests do to it."""

import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx


@dataclass(frozen=True)
class RunningEmulator:
    """Where it answers, and the environment in which the SDK finds it."""

    base_url: str
    environment: dict[str, str]
    pid: int
    data: Path  # its folder

    def delay(self, **seconds: float) -> None:
        """How long operations take: ``endpoint=1.0``."""
        self._ask("PUT", "delays", seconds)

    def break_request(self, path: str, **fault: Any) -> None:
        """What happens to the next requests whose path matches."""
        self._ask("POST", "faults/requests", {"path": path, **fault})

    def break_operation(self, operation: str, **fault: Any) -> None:
        """How the next operations of a kind end."""
        self._ask("POST", "faults/operations", {"operation": operation, **fault})

    def heal(self) -> None:
        self._ask("DELETE", "faults", None)

    def new_principal(self, name: str, assignments: list[dict[str, str]]) -> dict[str, Any]:
        """A service principal with these rights and no others."""
        made: dict[str, Any] = self._ask("POST", "principals", {"name": name, "assignments": assignments})
        return made

    def _ask(self, method: str, path: str, body: Any) -> Any:
        answer = httpx.request(
            method,
            f"{self.base_url}/emulator/v1/{path}",
            json=body,
            headers={"Authorization": f"Bearer {(self.data / 'control.secret').read_text()}"},
            verify=ssl.create_default_context(cafile=self.environment["REQUESTS_CA_BUNDLE"]),
        )
        answer.raise_for_status()
        return answer.json() if answer.content else None


@contextmanager
def running_emulator(folder: Path) -> Iterator[RunningEmulator]:
    """Serve from ``folder`` on a free port, until the end of the ``with``."""
    ready, data, log = folder / "ready.json", folder / "data", folder / "emulator.log"
    ready.unlink(missing_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-c", "from emulator.cli import run; run()", "serve"),
                *("--port", "0", "--data", str(data), "--ready-file", str(ready)),
            ],
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
    try:
        _wait_for(ready, process, log)
        known = json.loads((data / "emulator.json").read_text())
        yield RunningEmulator(known["base_url"], known["environment"], process.pid, data)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(timeout=20)


def _wait_for(ready: Path, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + 60
    while not (ready.exists() and ready.read_text()):
        assert process.poll() is None, f"the emulator ended: {log.read_text()}"
        assert time.monotonic() < until, f"the emulator does not start: {log.read_text()}"
        time.sleep(0.05)
