"""Everything of mlrelease on one machine: emulator, migrations, API, worker. Started in order, stopped in reverse.

with Stack(data=Path("scratch"), port=free_port(), emulator_port=0) as stack:
    httpx.get(stack.address + "/health/ready")
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import httpx

from app.errors import Misconfigured
from app.local.local_azure import local_environment
from app.local.ports import LOOPBACK, require_free
from app.local.processes import ProcessEnded, Program, Watchdog
from app.process.development_token import read_token, remove_token
from app.process.environment import without_secrets
from app.process.private_files import make_private_folder

START_SECONDS = 180.0  # the worker imports the Azure SDK, which takes long on a busy machine
STOP_SECONDS = 15.0


class Stack:
    """The processes, from ``with`` to its end. Raises Misconfigured or Died, with one sentence, when they do not come up."""

    def __init__(
        self,
        *,
        data: Path,
        port: int,
        emulator_port: int | None,
        host: str = LOOPBACK,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """``emulator_port``: 0 takes a free one; None is for a real Azure. ``variables`` add to the processes' environment."""
        self.data = data.resolve()
        self.host = host
        self.port = port
        self.emulator_port = emulator_port
        self.environment = dict(os.environ) if emulator_port is None else local_environment(os.environ)
        self.environment |= {
            "MLRELEASE_DATA": str(self.data),
            "MLRELEASE_HOST": host,
            "MLRELEASE_PORT": str(port),
            "PYTHONUNBUFFERED": "1",
            **(variables or {}),
        }
        if host in {LOOPBACK, "localhost", "::1"}:
            # One machine, one developer: who calls says a name. Set to false, callers need tokens here too.
            self.environment.setdefault("MLRELEASE_DEVELOPMENT_LOGIN", "true")
        self._programs: list[Program] = []

    @property
    def address(self) -> str:
        host = {"0.0.0.0": LOOPBACK, "::": LOOPBACK}.get(self.host, self.host)  # noqa: S104 # where to ask, not to bind
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def portal_address(self) -> str:
        """Where a browser goes: the link that logs in, where names are believed. Whoever has it can say any name."""
        token = read_token(self.data)
        return f"{self.address}/login?token={token}" if token else f"{self.address}/"

    @property
    def azure_address(self) -> str | None:
        """Where the emulator is; None with a real Azure."""
        if self.emulator_port is None:
            return None
        place = urlsplit(self.environment["AZURE_AUTHORITY_HOST"])
        return f"{place.scheme}://{place.netloc}"

    @property
    def programs(self) -> tuple[Program, ...]:
        """Those that run, in the order of their start."""
        return tuple(self._programs)

    @property
    def logs(self) -> Path:
        return self.data / "logs"

    def __enter__(self) -> Self:
        require_free(self.port, host=self.host, setting="MLRELEASE_PORT")
        if self.emulator_port:
            require_free(self.emulator_port, host=LOOPBACK, setting="MLRELEASE_EMULATOR_PORT")
        make_private_folder(self.data)
        make_private_folder(self.logs)
        remove_token(self.data)  # one that a killed service has left: who took its port may have been sent it
        self._watchdog = Watchdog()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self) -> None:
        if self.emulator_port is not None:
            ready = self._start_emulator(self.emulator_port)
            self.migrate()
            self.wait_until(ready.exists, what="emulator")
            self.environment |= emulator_environment(self.data / "azure")
        else:
            self.migrate()
        api = self.start_api()
        worker = self.start_worker()
        self.wait_until(api, what="API")
        self.wait_until(worker, what="worker")

    def _start_emulator(self, port: int) -> Path:
        ready = self.logs / "emulator.ready"
        ready.unlink(missing_ok=True)
        data = self.data / "azure"
        self.start(
            "emulator",
            [emulator_command(), "serve", "--port", str(port), "--data", str(data), "--ready-file", str(ready)],
            with_secrets=False,  # it runs the code of training jobs
        )
        return ready

    def migrate(self) -> None:
        """Bring the database's schema up to date."""
        program = self.start("migration", _module("app.database"))
        self._programs.remove(program)
        program.wait()

    def start_api(self) -> Callable[[], bool]:
        """Start the API; the answer tells whether it is ready."""
        self.start("API", _module("app.main"))
        asking = httpx.Client(trust_env=False, timeout=5)  # one: each reads all certificates of the system
        return lambda: self._answers(asking)

    def start_worker(self) -> Callable[[], bool]:
        """Start a worker; the answer tells whether it takes work."""
        ready = self.logs / "worker.ready"
        ready.unlink(missing_ok=True)
        self.start("worker", _module("app.worker"), MLRELEASE_READY_FILE=str(ready))
        return ready.exists

    def start(self, name: str, command: Sequence[str], *, with_secrets: bool = True, **variables: str) -> Program:
        """Start one more process, which ends with the stack."""
        program = Program(
            name,
            command,
            environment={**(self.environment if with_secrets else without_secrets(self.environment)), **variables},
            log=self.logs / f"{name.lower()}.log",
            watchdog=self._watchdog,
        )
        self._programs.append(program)
        return program

    def end(self, name: str) -> None:
        """End the newest process of that name before the others."""
        program = next(each for each in reversed(self._programs) if each.name == name)
        program.stop(seconds=STOP_SECONDS)
        self._programs.remove(program)

    def check(self) -> None:
        """Raise Died when one of the processes has ended."""
        for program in self._programs:
            if not program.is_running:
                raise program.ended()

    def wait_until(self, ready: Callable[[], bool], *, what: str, seconds: float = START_SECONDS) -> None:
        """Wait for a condition. Raises Died when a process ends or the time is over before."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ProcessEnded(
                    f"The {what} was not ready after {seconds:.0f} s.", hint=f"The logs are in {self.logs}"
                )
            time.sleep(0.05)

    def stop(self) -> None:
        """End all processes, the newest first, and wait for their end."""
        while self._programs:
            self._programs[-1].stop(seconds=STOP_SECONDS)
            self._programs.pop()
        self._watchdog.dismiss()
        remove_token(self.data)

    def _answers(self, asking: httpx.Client) -> bool:
        try:
            return asking.get(f"{self.address}/health/ready").is_success
        except httpx.TransportError:
            return False


def emulator_environment(data: Path) -> dict[str, str]:
    """The variables with which the Azure SDK finds the emulator that runs on this folder."""
    printed = subprocess.run(  # noqa: S603 # our own program
        [emulator_command(), "env", "--data", str(data), "--json"],
        env=without_secrets(os.environ),
        capture_output=True,
        text=True,
        check=False,
    )
    if printed.returncode != 0:
        raise ProcessEnded(f"The emulator does not tell its address: {printed.stderr.strip()}")
    variables: dict[str, str] = json.loads(printed.stdout)
    return variables


def emulator_command() -> str:
    """The emulator is a program of its own: it is found as one, beside this interpreter or on the PATH."""
    beside = Path(sys.executable).with_name("azureml-emulator")
    command = str(beside) if beside.exists() else shutil.which("azureml-emulator")
    if command is None:
        raise Misconfigured(
            "The program azureml-emulator is not installed.",
            code="emulator_missing",
            hint="Install mlrelease[emulator,worker,training], or set MLRELEASE_AZURE=azure to work with a real Azure ML.",
        )
    return command


def _module(name: str) -> list[str]:
    return [sys.executable, "-m", name]
