"""One process of a stack: started in a group of its own, with a log file."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from app.errors import MlreleaseError
from app.process.environment import without_secrets


class ProcessEnded(MlreleaseError):
    """A process of the stack ended, or did not come up."""

    default_code = "process_died"


class Watchdog:
    """Our end of the pipe to ``app.local.watchdog``. Why ours, and no library: docs/decisions/0020."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "app.local.watchdog"],
            env=without_secrets(os.environ),
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def tell(self, sign: str, group: int) -> None:
        """Raises Died when nobody is there any more to hear it."""
        assert self._process.stdin is not None, "opened as a pipe"
        try:
            # Straight to the pipe: what a buffer held back would break later, when it is closed.
            os.write(self._process.stdin.fileno(), f"{sign}{group}\n".encode())
        except BrokenPipeError as gone:
            raise ProcessEnded(
                "The watchdog, which ends all processes if this one is killed, has ended.", hint="Start again."
            ) from gone

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
        try:
            watchdog.tell("+", self._process.pid)
        except ProcessEnded:
            self._end(seconds=0)
            raise

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
            raise self.ended()

    def stop(self, *, seconds: float) -> None:
        """Ask it to stop, and kill it when it has not after ``seconds``; with it goes what it started and has left."""
        self._end(seconds=seconds)
        with suppress(ProcessEnded):  # a watchdog that has ended needs not be told
            self._watchdog.tell("-", self.pid)

    def _end(self, *, seconds: float) -> None:
        if self.is_running:
            os.killpg(self.pid, signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        # Also when it has ended by itself: a process that died has not ended its own.
        with suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self._process.wait()

    def ended(self) -> ProcessEnded:
        """What to say when it ended without being asked."""
        code = self._process.returncode
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        else:
            words = self._last_words().removesuffix(".")
            how = f"ended with status {code}" + (f": {words}" if words else "")
        return ProcessEnded(f"The {self.name} {how}.", hint=f"Its log: {self.log}")

    def _last_words(self) -> str:
        with self.log.open("rb") as log:
            log.seek(self._log_start)
            lines = log.read().decode(errors="replace").splitlines()
        return next((line.strip() for line in reversed(lines) if line.strip()), "")
