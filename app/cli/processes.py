"""One process of a stack: started in a group of its own, with a log file."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.errors import MlreleaseError


class Died(MlreleaseError):
    """A process of the stack ended, or did not come up."""

    default_code = "process_died"


class Watchdog:
    """Our end of the pipe to ``app.cli.watchdog``."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.cli.watchdog"], stdin=subprocess.PIPE, start_new_session=True
        )

    def tell(self, sign: str, group: int) -> None:
        assert self._process.stdin is not None, "opened as a pipe"
        self._process.stdin.write(f"{sign}{group}\n".encode())
        self._process.stdin.flush()

    def dismiss(self) -> None:
        assert self._process.stdin is not None, "opened as a pipe"
        self._process.stdin.close()
        self._process.wait()


class Program:
    """A running program that belongs to a stack."""

    def __init__(
        self, name: str, command: Sequence[str], *, environment: Mapping[str, str], log: Path, watchdog: Watchdog
    ) -> None:
        self.name = name
        self.log = log
        self._watchdog = watchdog
        with os.fdopen(os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), "ab") as output:
            self._log_start = output.tell()
            self._process = subprocess.Popen(  # noqa: S603 # our own programs
                command,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C on the terminal goes to the owner alone, who stops everything in order.
                start_new_session=True,
                umask=0o077,  # what they write is for the user who starts them
            )
        watchdog.tell("+", self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    def wait(self) -> None:
        """Wait for it to do its work. Raises Died when it ends with anything but 0."""
        self._process.wait()
        self._watchdog.tell("-", self.pid)
        if self._process.returncode != 0:
            raise self.died()

    def stop(self, *, seconds: float) -> None:
        """Ask it to stop; kill it and what it started when it has not after ``seconds``."""
        if self.is_running:
            os.killpg(self.pid, signal.SIGTERM)
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(self.pid, signal.SIGKILL)
                self._process.wait()
        self._watchdog.tell("-", self.pid)

    def died(self) -> Died:
        """What to say when it ended without being asked."""
        code = self._process.returncode
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        else:
            words = self._last_words().removesuffix(".")
            how = f"ended with status {code}" + (f": {words}" if words else "")
        return Died(f"The {self.name} {how}.", hint=f"Its log: {self.log}")

    def _last_words(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
