"""The watchdog ends what a dead owner left behind, and nothing else."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from app.local.processes import Watchdog

SLEEPER = [sys.executable, "-c", "import time; time.sleep(300)"]


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(SLEEPER, start_new_session=True) as process:
        yield process
        process.kill()


def test_watchdog_ends_a_group_that_is_left(sleeper: subprocess.Popen[bytes]) -> None:
    watchdog = Watchdog()
    watchdog.tell("+", sleeper.pid)
    # Collects the sleeper, as its parent would: a zombie counts as still there.
    collector = threading.Thread(target=sleeper.wait)
    collector.start()
    watchdog.dismiss()
    collector.join(20)
    assert sleeper.returncode == -signal.SIGTERM


def test_watchdog_leaves_a_group_that_was_given_back(sleeper: subprocess.Popen[bytes]) -> None:
    watchdog = Watchdog()
    watchdog.tell("+", sleeper.pid)
    watchdog.tell("-", sleeper.pid)
    watchdog.dismiss()
    assert sleeper.poll() is None
