"""One scoring process: started, watched, probed, restarted with growing pauses, ended."""

import asyncio
import contextlib
import logging
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from emulator.online.wire import Broken, NotConnected, Wire

log = logging.getLogger(__name__)

HOST = Path(__file__).parent / "container" / "scoring_host.py"
FIRST_PAUSE, LONGEST_PAUSE, CALM = 0.5, 30.0, 60.0  # seconds; a process that lived CALM is restarted at once again
GRACE = 2.0  # seconds that a process has to end after SIGTERM
MAX_LOG_BYTES = 20_000_000


class Crashed(Exception):
    """The process ended before it was ready."""


class NotReadyInTime(Exception):
    """The process did not become ready before its probes gave up."""


@dataclass(frozen=True)
class Probe:
    """Liveness and readiness, in seconds and counts (see ``rules.probe``)."""

    initial_delay: float = 10.0
    period: float = 10.0
    timeout: float = 2.0
    failures: int = 30

    @property
    def patience(self) -> float:
        """How long a process may take until its first success."""
        return self.initial_delay + self.period * self.failures


@dataclass(eq=False)
class Replica:
    """One process and the connection to it. ``start`` once, ``stop`` once; in between it is kept alive."""

    environment: Mapping[str, str]
    folder: Path
    log_file: Path
    readiness: Probe = field(default_factory=Probe)
    liveness: Probe = field(default_factory=Probe)
    in_flight: int = 0
    ready: bool = False
    restarts: int = 0
    _process: asyncio.subprocess.Process | None = None
    _keeper: asyncio.Task[None] | None = None
    _home: Path | None = None
    _wire: Wire | None = None

    @property
    def wire(self) -> Wire:
        if self._wire is None:
            raise RuntimeError("the replica was not started")
        return self._wire

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None

    async def start(self, *, patient: bool = False) -> None:
        """Return once it is ready for requests.

        Raises Crashed or NotReadyInTime, with nothing left running; if ``patient``, it is restarted in the background instead.
        """
        # A short folder of its own: the address of a unix socket may have about a hundred characters only.
        self._home = Path(tempfile.mkdtemp(prefix="aml-"))
        self._wire = Wire(self._home / "s")
        try:
            await self._launch()
        except (Crashed, NotReadyInTime):
            if not patient:
                await self.stop()
                raise
        except BaseException:
            await self.stop()
            raise
        self._keeper = asyncio.create_task(self._keep_alive())

    async def stop(self) -> None:
        """End it now, whatever it does."""
        self.ready = False
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await self._end()
        if self._home is not None:
            shutil.rmtree(self._home, ignore_errors=True)

    async def _launch(self) -> None:
        if self._home is None:
            raise RuntimeError("the replica was not started")
        with _opened_log(self.log_file) as output:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-u",
                str(HOST),
                str(self._home / "s"),
                # Nothing is ever written to its standard input: it closes when this process ends, however that happens.
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=output,
                env=dict(self.environment),
                cwd=self.folder,
                start_new_session=True,
            )
        if self._process.stdout is None:
            raise RuntimeError("no pipe to the scoring process")
        try:
            announced = await asyncio.wait_for(self._process.stdout.readline(), self.readiness.patience)
        except TimeoutError:
            await self._end()
            raise NotReadyInTime(f"not ready after {self.readiness.patience:g} seconds") from None
        if announced != b"ready\n":
            status = await self._process.wait()
            await self._end()
            raise Crashed(f"exit status {status}")
        self.ready = True

    async def _end(self) -> None:
        process = self._process
        if process is None:
            return
        # The group, not the process: the team's code may have started others, even when it is gone itself.
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), GRACE)
        _signal_group(process.pid, signal.SIGKILL)
        await process.wait()
        self._process = None

    async def _keep_alive(self) -> None:
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            if self.ready:
                await self._live()
            self.ready = False
            self.restarts += 1
            pause = FIRST_PAUSE if time.monotonic() - began > CALM else pause
            while not self.ready:
                self._note(f"Container terminated. Restarting it in {pause:g} s.")
                await asyncio.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE)
                try:
                    await self._launch()
                except (Crashed, NotReadyInTime) as failure:
                    log.warning("scoring process in %s: %s", self.folder, failure)

    async def _live(self) -> None:
        """Return when the process has ended, of itself or because its liveness probe gave it up."""
        if self._process is None:
            raise RuntimeError("the replica was not started")
        ended = asyncio.create_task(self._process.wait())
        failures = 0
        try:
            await asyncio.wait([ended], timeout=self.liveness.initial_delay)
            while not ended.done():
                failures = 0 if await self._answers() else failures + 1
                if failures >= self.liveness.failures:
                    self._note("Liveness probe failed. Restarting the container.")
                    await self._end()
                    return
                await asyncio.wait([ended], timeout=self.liveness.period)
            await self._end()
        finally:
            ended.cancel()

    async def _answers(self) -> bool:
        try:
            async with asyncio.timeout(self.liveness.timeout):
                return (await self.wire.request(b"GET", b"/")).status == 200
        except (NotConnected, Broken, TimeoutError):
            return False

    def _note(self, message: str) -> None:
        with _opened_log(self.log_file) as output:
            output.write(f"{message}\n".encode())


def _opened_log(file: Path) -> IO[bytes]:
    """The log, to append to; begun anew when a crashing container has filled it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    if file.exists() and file.stat().st_size > MAX_LOG_BYTES:
        file.write_bytes(b"(earlier lines were dropped)\n")
    return file.open("ab", buffering=0)


def _signal_group(leader: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nobody left in the group
        os.killpg(leader, number)
