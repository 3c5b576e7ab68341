"""``mlrelease demo``: the whole way, as a newcomer runs it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from app.cli.exits import Exit

pytestmark = pytest.mark.slow

DEMO = [sys.executable, "-m", "app.cli.main", "demo", "--folder", "scratch"]
SECONDS = 600


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the demo runs: a folder with nothing in it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def wait_for(file: Path, process: subprocess.Popen[str]) -> str:
    deadline = time.monotonic() + SECONDS
    while not file.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return file.read_text()


def run_until_worker_is_ready(folder: Path, act: Callable[[int, int], None]) -> tuple[int, str, str]:
    """Start the demo, do something to it or its worker, and give how it ended."""
    with subprocess.Popen(DEMO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as demo:
        worker = int(wait_for(folder / "scratch" / "logs" / "worker.ready", demo))
        act(demo.pid, worker)
        told, err = demo.communicate(timeout=SECONDS)
        return demo.returncode, told, err


def test_demo_releases_the_trained_model_to_production(folder: Path) -> None:
    demo = subprocess.run([*DEMO, "--json"], capture_output=True, text=True, check=False)
    assert (demo.returncode, demo.stderr) == (Exit.FINE, "")
    record = json.loads((folder / ".mlrelease" / "demo.json").read_text())
    assert json.loads(demo.stdout) == record
    assert list(record) == ["training", "release", "endpoints", "predictions", "digests"]
    assert record["training"]["metrics"]["accuracy_imdb"] >= 0.89
    assert record["release"]["status"] == "succeeded"
    rollouts = record["release"]["rollouts"]
    assert [(rollout["stage"], rollout["status"]) for rollout in rollouts] == [
        ("dev", "succeeded"),
        ("prod", "succeeded"),
    ]
    assert {step["status"] for rollout in rollouts for step in rollout["steps"]} == {"succeeded"}
    assert set(record["endpoints"]) == {"dev", "prod"}
    assert record["predictions"] == [1, 0, 1, 0]
    assert list(record["digests"]) == ["job_output", "dev_workspace", "registry", "prod_deployment"]
    assert len(set(record["digests"].values())) == 1
    assert not (folder / "scratch").exists()


def test_demo_whose_worker_dies_says_so_and_where_the_logs_are(folder: Path) -> None:
    code, _, err = run_until_worker_is_ready(folder, lambda _demo, worker: os.kill(worker, signal.SIGKILL))
    assert code == Exit.REFUSED
    assert err.startswith("Error: The worker was killed by SIGKILL.")
    assert err.rstrip().endswith("The logs are in scratch/logs")
    assert not (folder / ".mlrelease" / "demo.json").exists()


def test_demo_that_is_stopped_says_so_and_stops_everything(folder: Path) -> None:
    workers: list[int] = []

    def stop(demo: int, worker: int) -> None:
        workers.append(worker)
        os.kill(demo, signal.SIGTERM)

    code, told, _ = run_until_worker_is_ready(folder, stop)
    assert code == Exit.CANCELLED
    assert told.rstrip().endswith("Stopped. The logs are in scratch/logs")
    with pytest.raises(ProcessLookupError):
        os.kill(workers[0], 0)
