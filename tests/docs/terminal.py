"""A person's terminal: one shell, whose variables stay from line to line, with somebody who answers yes."""

import os
import pty
import re
import select
import shlex
import signal
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_END = re.compile(r"\n<end (\d+)>\n")
_QUESTION = "[y/N]: "


class Terminal:
    """``with Terminal(folder, environment) as terminal: terminal.run("ls")``."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._pid, self._screen = pty.fork()
        if self._pid == 0:
            os.chdir(folder)
            shell = ["bash", "--noprofile", "--norc", "--noediting"]
            os.execvpe("bash", shell, {**environment, "TERM": "xterm", "COLUMNS": "200", "PS1": "", "PS2": ""})  # noqa: S606 # the reader's

    def __enter__(self) -> Self:
        self.run("stty -echo cols 200")  # what is typed is not to be read back
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        os.kill(self._pid, signal.SIGKILL)
        os.waitpid(self._pid, 0)
        os.close(self._screen)

    def run(self, command: str, *, seconds: float = 240) -> tuple[int, str]:
        """Exit status and what was shown. Fails the test when it does not end."""
        # One line: a second one would be read by a command that asks something.
        self._type(f"eval {shlex.quote(command)}; printf '\\n<end %d>\\n' $?")
        shown, until, answered = "", time.monotonic() + seconds, 0
        while (end := _END.search(shown)) is None:
            assert time.monotonic() < until, f"{command}\ndoes not end: {shown}"
            shown += self._read()
            if _QUESTION in shown[answered:]:
                answered = len(shown)
                self._type("y")
        return int(end[1]), shown[: end.start()]

    def _type(self, line: str) -> None:
        os.write(self._screen, f"{line}\n".encode())

    def _read(self) -> str:
        if not select.select([self._screen], [], [], 0.2)[0]:
            return ""
        read = os.read(self._screen, 65536).decode(errors="replace")
        return _ESCAPES.sub("", read).replace("\r\n", "\n")
