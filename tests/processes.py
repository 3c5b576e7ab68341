"""Processes that are not this one's own: whether they live, and what they have written."""

import os
import subprocess
from pathlib import Path

from tests.waiting import wait_until


def is_alive(pid: int) -> bool:
    """Not counting a zombie that nobody has collected yet: whoever adopts orphans in a container does not always do so."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    shown = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(shown.strip()) and not shown.startswith("Z")


def wait_until_ended(pid: int) -> None:
    wait_until(lambda: not is_alive(pid), what=f"process {pid} has ended", every=0.02)


def wait_until_written(file: Path) -> str:
    """The text of a file once it ends with a whole line."""
    wait_until(lambda: file.exists() and file.read_text().endswith("\n"), what=f"{file} is written")
    return file.read_text()
