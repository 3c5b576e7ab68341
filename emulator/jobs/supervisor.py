"""Runs one command in a process group of its own and ends the whole group when its own standard input closes.

A program of its own, started by ``process``: an emulator that is killed, however hard, cannot say goodbye to the jobs
it runs, but its end of the pipe closes. Uses nothing but the standard library and no Linux specialty.

    python supervisor.py GRACE_SECONDS SHELL COMMAND      exit status: the command's; 128 + n when signal n ended it
"""

import os
import signal
import subprocess
import sys
import threading


def main(grace: float, shell: str, command: str) -> int:
    process = subprocess.Popen(  # noqa: S603 - running the job's command is what this program is for
        [shell, "-c", command], stdin=subprocess.DEVNULL, start_new_session=True
    )
    threading.Thread(target=_end_when_abandoned, args=(process, grace), daemon=True).start()
    status = process.wait()
    # What the command left behind in the background ends with it, as a node's container does.
    _signal(process.pid, signal.SIGKILL)
    return status if status >= 0 else 128 - status


def _end_when_abandoned(process: "subprocess.Popen[bytes]", grace: float) -> None:
    # Not through sys.stdin: its lock would be held when the interpreter ends.
    while os.read(0, 1):
        pass
    _signal(process.pid, signal.SIGTERM)
    try:
        process.wait(timeout=grace)
    except subprocess.TimeoutExpired:
        _signal(process.pid, signal.SIGKILL)


def _signal(group: int, number: signal.Signals) -> None:
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):  # gone already; macOS says the latter of a group of zombies
        return


if __name__ == "__main__":
    raise SystemExit(main(float(sys.argv[1]), sys.argv[2], sys.argv[3]))
