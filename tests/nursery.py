"""Workers that need no time to begin: ``python -m tests.nursery FOLDER``.

Importing the Azure SDK takes seconds. This process does it once; each line on standard input, ``{"log": …, "environment": …}``,
makes it fork a child that becomes a real worker, in a process group of its own. The child's id is the answer on standard output;
``FOLDER/<pid>.status`` tells how it ended. It goes when its input ends, without its children: they are their owner's.
"""

import json
import os
import select
import sys
from pathlib import Path
from typing import Any, NoReturn

from app.errors import MlreleaseError
from app.worker import work
from tests.other_version import be_of
from tests.waiting_steps import WAITS_IN, let_wait

LOOK_SECONDS = 0.05
VERSIONS = "TESTS_VERSIONS"  # the variable that says of which version a worker is: "SOFTWARE ENGINE"


def raise_workers(folder: Path) -> None:
    """Answer requests, and note the ends of those that were raised."""
    waiting = b""
    while True:
        if select.select([0], [], [], LOOK_SECONDS)[0]:
            read = os.read(0, 65536)
            if not read:
                return
            *lines, waiting = (waiting + read).split(b"\n")
            for line in lines:
                os.write(1, f"{_raise_one(json.loads(line))}\n".encode())
        _note_ends(folder)


def _raise_one(asked: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        _become_worker(Path(asked["log"]), asked["environment"])
    os.setpgid(pid, pid)
    return pid


def _become_worker(log: Path, environment: dict[str, str]) -> NoReturn:
    os.setpgid(0, 0)
    output, nothing = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600), os.open(os.devnull, os.O_RDONLY)
    for number, source in ((0, nothing), (1, output), (2, output)):
        os.dup2(source, number)
    os.environ.clear()
    os.environ.update(environment)
    if WAITS_IN in environment:
        let_wait(environment[WAITS_IN])
    if VERSIONS in environment:
        be_of(*environment[VERSIONS].split())
    try:
        work()
    except MlreleaseError as error:
        sys.exit(str(error))
    sys.exit()


def _note_ends(folder: Path) -> None:
    try:
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            written = folder / f"{pid}.status.new"
            written.write_text(str(os.waitstatus_to_exitcode(status)))
            written.rename(folder / f"{pid}.status")
    except ChildProcessError:
        return


if __name__ == "__main__":
    raise_workers(Path(sys.argv[1]))
