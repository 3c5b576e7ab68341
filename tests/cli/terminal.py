"""The command line at a real terminal: a pseudo-terminal, what is typed, what is shown."""

import os
import pty
import re
import select
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

PATIENCE_SECONDS = 60.0

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass(frozen=True)
class Session:
    shown: str
    exit_status: int


def at_terminal(*arguments: str, environment: Mapping[str, str], answers: Sequence[tuple[str, str]]) -> Session:
    """Run ``mlrelease``; ``answers`` are questions, in order, and what is typed once one is shown. Fails when it asks for more."""
    pid, screen = pty.fork()
    if pid == 0:
        command = [sys.executable, "-m", "app.cli.main", *arguments]
        os.execve(sys.executable, command, {**os.environ, **environment, "TERM": "xterm", "COLUMNS": "120"})  # noqa: S606 # our own program
    shown, answered, left, until = b"", 0, list(answers), time.monotonic() + PATIENCE_SECONDS
    while True:
        assert time.monotonic() < until, f"it waits for something: {shown.decode()}"
        if not select.select([screen], [], [], 0.2)[0]:
            continue
        try:
            read = os.read(screen, 65536)
        except OSError:  # how Linux tells that the other end is closed
            read = b""
        if not read:
            break
        shown += read
        if left and left[0][0] in shown[answered:].decode(errors="replace"):
            answered = len(shown)
            os.write(screen, f"{left.pop(0)[1]}\n".encode())
    os.close(screen)
    _, status = os.waitpid(pid, 0)
    return Session(_COLOUR.sub("", shown.decode()).replace("\r\n", "\n"), os.waitstatus_to_exitcode(status))
