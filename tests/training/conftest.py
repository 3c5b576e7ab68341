"""The two models, trained once for the whole test run, and the scoring host that serves them."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.training.served import Host
from tests.training.steps import Step, Trained

ROOT = Path(__file__).parents[2]
CODE = ROOT / "training" / "src"


@pytest.fixture(scope="session")
def step() -> Step:
    """Run one step as Azure ML does: a process of its own in the folder of the code."""

    def run(name: str, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", f"learning.{name}", *map(str, arguments)],
            cwd=CODE,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def trained(step: Step, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The sentiment model, out of the three steps on the real data."""
    with _made_once(tmp_path_factory, "sentiment") as (folder, made):
        out = Trained(folder / "train", folder / "test", folder / "model", folder / "metrics")
        if not made:
            _succeed(step("preprocess", "--train", out.train, "--test", out.test))
            _succeed(step("train", "--train", out.train, "--model", out.model))
            _succeed(step("evaluate", "--model", out.model, "--test", out.test, "--metrics", out.metrics))
    return out


@pytest.fixture(scope="session")
def summarizer(step: Step, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the summarization model."""
    with _made_once(tmp_path_factory, "summarization") as (folder, made):
        if not made:
            _succeed(step("summarizer", "--model", folder / "model"))
    return folder / "model"


def _succeed(finished: subprocess.CompletedProcess[str]) -> None:
    assert finished.returncode == 0, finished.stderr


@contextmanager
def _made_once(factory: pytest.TempPathFactory, name: str) -> Iterator[tuple[Path, bool]]:
    """A folder that all workers of the test run share, and whether another worker has filled it."""
    base = factory.getbasetemp()
    shared = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / name
    shared.mkdir(exist_ok=True)
    with (shared / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield shared, (shared / "made").exists()
        (shared / "made").touch()


@pytest.fixture(scope="session")
def sentiment_host(trained: Trained) -> Iterator[Host]:
    """The sentiment model, served."""
    host = Host(ROOT / "deploy/models/sentiment-model/src", trained.model)
    assert host.ready, host.log
    yield host
    host.stop()


@pytest.fixture(scope="session")
def summarization_host(summarizer: Path) -> Iterator[Host]:
    """The summarization model, served."""
    host = Host(ROOT / "deploy/models/summarization-model/src", summarizer)
    assert host.ready, host.log
    yield host
    host.stop()


@pytest.fixture
def start_host() -> Iterator[Callable[[Path, Path], Host]]:
    """Start a scoring process that may fail to start."""
    started: list[Host] = []

    def start(code: Path, model: Path) -> Host:
        started.append(Host(code, model))
        return started[-1]

    yield start
    for host in started:
        host.stop()
