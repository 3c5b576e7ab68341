"""Ends the processes of a stack whose owner died without stopping them, e.g. by ``kill -9``.

Started by the stack as ``python -m app.local.watchdog`` with a pipe on standard input, over which it hears ``+PID`` of each process
group that was started and ``-PID`` of each that ended. The pipe closes when the owner is gone, however it went.
"""

import os
import signal
import sys
import time
from collections.abc import Iterable

GRACE_SECONDS = 15.0


def watch(reports: Iterable[str]) -> list[int]:
    """Follow the reports to their end; the groups that are left then, newest first."""
    groups: list[int] = []
    for report in reports:
        group = int(report[1:])
        if report[0] == "+":
            groups.insert(0, group)
        else:
            groups.remove(group)
    return groups


def end(groups: Iterable[int]) -> None:
    """Ask each group to stop, newest first, and kill what is left after the grace."""
    left = [group for group in groups if _signal(group, signal.SIGTERM)]
    deadline = time.monotonic() + GRACE_SECONDS
    while left and time.monotonic() < deadline:
        time.sleep(0.1)
        left = [group for group in left if _signal(group, 0)]
    for group in left:
        _signal(group, signal.SIGKILL)


def _signal(group: int, number: int) -> bool:
    """Whether there was still somebody to hear it."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    return True


if __name__ == "__main__":
    for stopper in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(stopper, signal.SIG_IGN)
    end(watch(sys.stdin))
