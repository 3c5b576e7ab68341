"""A program of the stack that ends by itself is reported in one sentence, with its log."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli.processes import Died, Program, Watchdog

Start = Callable[..., Program]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "worker.log"


@pytest.fixture
def start(log: Path) -> Iterator[Start]:
    watchdog = Watchdog()
    yield lambda code: Program("worker", [sys.executable, "-c", code], environment={}, log=log, watchdog=watchdog)
    watchdog.dismiss()


def test_failed_program_is_reported_with_its_last_words(start: Start, log: Path) -> None:
    with pytest.raises(Died) as died:
        start("import sys; print('one', flush=True); sys.exit('The database is locked.')").wait()
    assert died.value.sentence == "The worker ended with status 1: The database is locked."
    assert died.value.hint == f"Its log: {log}"


def test_last_words_of_an_earlier_start_are_not_repeated(start: Start, log: Path) -> None:
    log.write_text("what an earlier start said\n")
    with pytest.raises(Died, match=r"^The worker ended with status 3\. Its log"):
        start("raise SystemExit(3)").wait()


def test_killed_program_is_reported_with_its_signal(start: Start) -> None:
    with pytest.raises(Died, match=r"^The worker was killed by SIGKILL\. "):
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
