"""A program of the stack that ends by itself is reported in one sentence, with its log."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.local.processes import ProcessEnded, Program, Watchdog
from tests.processes import is_alive
from tests.waiting import wait_until

Start = Callable[..., Program]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


@pytest.fixture
def watchdog() -> Iterator[Watchdog]:
    watchdog = Watchdog()
    yield watchdog
    watchdog.dismiss()


@pytest.fixture
def start(log: Path, watchdog: Watchdog) -> Start:
    return lambda code: Program("worker", [sys.executable, "-c", code], environment={}, log=log, watchdog=watchdog)


def test_failed_program_is_reported_with_its_last_words(start: Start, log: Path) -> None:
    with pytest.raises(ProcessEnded) as ended:
        start("import sys; print('one', flush=True); sys.exit('The database is locked.')").wait()
    assert ended.value.sentence == "The worker ended with status 1: The database is locked."
    assert ended.value.hint == f"Its log: {log}"


def test_last_words_of_an_earlier_start_are_not_repeated(start: Start, log: Path) -> None:
    log.write_text("what an earlier start said\n")
    with pytest.raises(ProcessEnded, match=r"^The worker ended with status 3\. Its log"):
        start("raise SystemExit(3)").wait()


def test_killed_program_is_reported_with_its_signal(start: Start) -> None:
    with pytest.raises(ProcessEnded, match=r"^The worker was killed by SIGKILL\. "):
        start("import os, signal; os.kill(os.getpid(), signal.SIGKILL)").wait()


def test_program_that_ends_well_is_not_reported(start: Start) -> None:
    start("print('done')").wait()


def test_program_that_does_not_hear_is_killed_with_what_it_started(start: Start, log: Path) -> None:
    stubborn = start(
        "import signal, subprocess, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)']);"
        "print('ready', flush=True); time.sleep(300)"
    )
    while "ready" not in log.read_text():
        assert stubborn.is_running
    stubborn.stop(seconds=0.2)
    assert not stubborn.is_running


LEAVES_A_CHILD = (
    "import subprocess, sys; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(300)']);"
    "print(child.pid, flush=True);"
)


@pytest.mark.parametrize("end", ["sys.exit(1)", "import os; os.kill(os.getpid(), 9)"])
def test_program_that_died_leaves_nothing_behind(start: Start, log: Path, end: str) -> None:
    program = start(f"{LEAVES_A_CHILD} {end}")
    while program.is_running:
        time.sleep(0.01)
    child = int(log.read_text())
    assert is_alive(child), "it was left"

    program.stop(seconds=5)

    wait_until(lambda: not is_alive(child), what="the end of what was left", seconds=30)


def test_program_is_not_left_without_a_watchdog(start: Start, log: Path, watchdog: Watchdog) -> None:
    running = start(f"{LEAVES_A_CHILD} import time; time.sleep(300)")
    while not log.read_text():
        assert running.is_running
    os.kill(watchdog.pid, signal.SIGKILL)
    wait_until(lambda: not is_alive(watchdog.pid), what="the end of the watchdog")

    with pytest.raises(ProcessEnded, match="The watchdog"):
        start("import os, time; print(os.getpid(), flush=True); time.sleep(300)")
    running.stop(seconds=5)

    assert not running.is_running
    started = [int(each) for each in log.read_text().split()]
    wait_until(lambda: not any(map(is_alive, started)), what="the end of everything", seconds=30)
