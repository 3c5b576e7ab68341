"""The watchdog ends what a dead owner left behind, and nothing else."""

import subprocess
import sys
from collections.abc import Iterator

import pytest

from app.cli.processes import Watchdog

SLEEPER = [sys.executable, "-c", "import time; time.sleep(300)"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEPER, start_new_session=True) as process:
        yield process
        process.kill()


def test_watchdog_ends_a_group_that_is_left(sleeper: subprocess.Popen[bytes]) -> None:
    watchdog = Watchdog()
    watchdog.tell("+", sleeper.pid)
    watchdog.dismiss()
    assert sleeper.wait(20) != 0


def test_watchdog_leaves_a_group_that_was_given_back(sleeper: subprocess.Popen[bytes]) -> None:
    watchdog = Watchdog()
    watchdog.tell("+", sleeper.pid)
    watchdog.tell("-", sleeper.pid)
    watchdog.dismiss()
    assert sleeper.poll() is None
