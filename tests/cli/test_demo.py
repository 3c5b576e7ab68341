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

from app.cli.demo import MODEL, ROOT
from app.cli.demo_changes import RETRAINED, SHORT_BAKE, WITHOUT_NUMBERS, Change, changed_copy
from app.cli.exits import Exit
from app.definitions.read import read_definition
from app.definitions.traffic import CanaryTraffic
from app.documents.json_object import Json
from app.errors import Misconfigured

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


def record_of(folder: Path, *options: str) -> Json:
    """What is on record once the demo has ended well."""
    demo = subprocess.run([*DEMO, "--json", *options], capture_output=True, text=True, check=False)
    assert (demo.returncode, demo.stderr) == (Exit.FINE, "")
    record: Json = json.loads((folder / ".mlrelease" / "demo.json").read_text())
    assert json.loads(demo.stdout) == record
    assert not (folder / "scratch").exists()
    return record


@pytest.mark.slow
def test_demo_releases_a_trained_model_to_production(folder: Path) -> None:
    record = record_of(folder)

    assert list(record) == ["training", "release", "endpoints", "predictions", "digests"]
    assert record["training"]["metrics"]["accuracy_imdb"] >= 0.89
    assert record["release"]["status"] == "succeeded"
    rollouts = record["release"]["rollouts"]
    assert [(rollout["stage"], rollout["status"]) for rollout in rollouts] == [
        ("dev", "succeeded"),
        ("prod", "succeeded"),
    ]
    ends = {step["status"] for rollout in rollouts for step in rollout["steps"] if step["kind"] != "restore_traffic"}
    assert ends == {"succeeded"}
    assert set(record["endpoints"]) == {"dev", "prod"}
    assert record["predictions"] == [1, 0, 1, 0]
    assert list(record["digests"]) == ["job_output", "dev_workspace", "registry", "prod_deployment"]
    assert len(set(record["digests"].values())) == 1


@pytest.mark.slow
def test_demo_goes_on_with_the_next_model_as_a_canary(folder: Path) -> None:
    record = record_of(folder, "--canary")
    canary = record["canary"]

    assert record["release"]["status"] == "succeeded"
    assert (canary["release"]["status"], canary["release"]["code"]) == ("succeeded", "released")
    assert canary["analysis"]["canary"]["requests"] > 50, "callers were sent to it"
    assert {seen["failed"] for seen in canary["callers"].values()} == {0}
    assert len(canary["callers"]) == 2
    assert canary["holds"] == []


@pytest.mark.slow
def test_demo_stops_a_bad_model_that_golden_requests_let_pass_and_takes_it_back(folder: Path) -> None:
    canary = record_of(folder, "--bad")["canary"]

    assert canary["training"]["metrics"]["accuracy_imdb"] >= 0.89
    assert (canary["release"]["status"], canary["release"]["code"]) == ("rolled_back", "analysis_failed")
    analysis = canary["analysis"]
    assert analysis["verdict"] == "failed"
    assert analysis["canary"]["failed"] > 0
    assert analysis["baseline"]["failed"] == 0
    serving, new = sorted(canary["callers"].items())
    assert serving[1]["failed"] == 0
    assert 0 < new[1]["failed"] < new[1]["requests"] < serving[1]["requests"] / 2, "it had a quarter of the requests"
    (hold,) = canary["holds"]
    assert hold["target"].endswith("/ws-prod/sentiment-prod")


@pytest.mark.parametrize("change", [RETRAINED, WITHOUT_NUMBERS], ids=lambda change: change.file)
def test_a_change_of_the_demo_fits_the_training_as_it_is(tmp_path: Path, change: Change) -> None:
    copy = changed_copy(ROOT / "training", tmp_path / "training", [change])

    assert change.after in (copy / change.file).read_text()
    assert any(line.startswith("+ ") for line in change.lines)


def test_the_demo_shortens_the_bake_of_the_shipped_definition(tmp_path: Path) -> None:
    folder = ROOT / "deploy" / "models" / MODEL
    shipped = read_definition(folder).stage("prod").traffic
    short = read_definition(changed_copy(folder, tmp_path / "definition", SHORT_BAKE)).stage("prod").traffic

    assert isinstance(shipped, CanaryTraffic)
    assert isinstance(short, CanaryTraffic)
    (step,) = shipped.steps
    assert short.steps == (step.model_copy(update={"bake": "1m"}),)
    assert short.analysis == shipped.analysis.model_copy(update={"warm_up_minutes": 0})


def test_a_change_that_no_longer_fits_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "definition"
    folder.mkdir()
    (folder / "release.yml").write_text("steps: []\n")

    with pytest.raises(Misconfigured, match="is not as the demo knows it"):
        changed_copy(folder, tmp_path / "copy", SHORT_BAKE)


@pytest.mark.slow
def test_demo_whose_worker_dies_says_so_and_where_the_logs_are(folder: Path) -> None:
    code, _, err = run_until_worker_is_ready(folder, lambda _demo, worker: os.kill(worker, signal.SIGKILL))
    assert code == Exit.REFUSED
    assert err.startswith("Error: The worker was killed by SIGKILL.")
    assert err.rstrip().endswith("The logs are in scratch/logs")
    assert not (folder / ".mlrelease" / "demo.json").exists()


@pytest.mark.slow
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
