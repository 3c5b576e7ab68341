"""``mlrelease up`` as a process: what it starts ends with it, however it ends."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from app.local.ports import LOOPBACK
from app.process.development_token import read_token
from tests.cli.starting import running_up
from tests.processes import is_alive

SECONDS = 180


def children_of(data: Path) -> list[int]:
    emulator = json.loads((data / "logs" / "emulator.ready").read_text())["pid"]
    return [emulator, int((data / "logs" / "worker.ready").read_text())]


def wait_for_end(pids: list[int], address: str) -> None:
    """Until none of the processes is there and nobody answers at the API's address."""
    host, port = address.removeprefix("http://").split(":")
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if not any(is_alive(pid) for pid in pids) and probe.connect_ex((host, int(port))) != 0:
                return
        time.sleep(0.1)
    pytest.fail(f"still there: {[pid for pid in pids if is_alive(pid)]} or the API at {address}")


def _open_to_others(data: Path) -> list[str]:
    """Files and folders that other users of the machine can open. Those of the emulator are its own business: they lie in a folder."""
    found = (data, *data.glob("*"), *(data / "logs").glob("*"))
    return [str(path) for path in found if stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_up_answers_and_stops_everything_on_sigterm(tmp_path: Path) -> None:
    with running_up(tmp_path) as (up, where):
        assert httpx.get(f"{where['api']}/health/ready", trust_env=False).json() == {"status": "ready"}
        assert 'type="hidden" name="token"' in httpx.get(where["portal"], trust_env=False).text
        assert _open_to_others(tmp_path) == []
        pids = children_of(tmp_path)
        up.send_signal(signal.SIGTERM)
        _, err = up.communicate(timeout=SECONDS)
    assert (up.returncode, err) == (0, "")
    assert read_token(tmp_path) is None, "a token is good for one start"
    assert not any(is_alive(pid) for pid in pids)


def test_up_killed_outright_leaves_nothing_running(tmp_path: Path) -> None:
    with running_up(tmp_path) as (up, where):
        pids = children_of(tmp_path)
        up.kill()
        up.wait()
        wait_for_end(pids, where["api"])


def test_up_on_a_taken_port_says_so_and_starts_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        up = subprocess.run(
            [sys.executable, "-m", "app.cli.up"],
            env={**os.environ, "MLRELEASE_DATA": str(tmp_path / "data"), "MLRELEASE_PORT": port},
            capture_output=True,
            text=True,
            check=False,
        )
    assert up.returncode == 1
    assert up.stderr.startswith(f"Port {port} on {LOOPBACK} cannot be used")
    assert not (tmp_path / "data").exists()
