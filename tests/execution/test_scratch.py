"""A full disk is waited for, and what killed workers left on it is removed; what is in use stays."""

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from app.events.work import UnitOfWork
from app.execution.context import WorkerContext
from app.execution.rollout import carry_out_rollout
from app.execution.scratch import scratch_folder, sweep
from app.identity.actor import SERVICE
from app.releases.attempts import begin_attempt
from app.releases.queries import get_rollout, steps_of
from app.releases.states import Status
from app.steps.contract import Context, Done
from tests.execution.instant import hands, worker
from tests.instant import Hands
from tests.releases.conftest import NOW, planned

__all__ = ["hands", "planned", "worker"]

FULL = Path("/dev/full")  # a device whose every write finds no space left

LEAVE_A_FOLDER = """
import os, sys
from pathlib import Path
from app.execution.scratch import scratch_folder

with scratch_folder(Path(sys.argv[1])) as folder:
    (folder / "model.bin").write_bytes(b"x" * 1000)
    os.kill(os.getpid(), 9)
"""


@pytest.mark.skipif(not FULL.exists(), reason="a device of Linux")
@pytest.mark.parametrize("database_kind", ["sqlite"])
@pytest.mark.parametrize(("times", "ends"), [(2, Status.SUCCEEDED), (3, Status.FAILED)])
def test_full_disk_is_tried_again_within_the_steps_budget(
    worker: WorkerContext, hands: Hands, planned: str, times: int, ends: Status
) -> None:
    left = iter(range(times))

    def write(_context: Context) -> Done:
        for _ in left:
            FULL.write_text("x")
        return Done("Made.")

    hands.acts["create_endpoint"] = write
    with UnitOfWork(worker.database, SERVICE, now=NOW).transaction() as work:
        rollout = get_rollout(work, planned, "dev")
        begin_attempt(work, rollout)

    assert carry_out_rollout(worker, rollout.id) is ends
    with worker.database.read() as session:
        (step,) = (each for each in steps_of(session, rollout.id) if each.key == "create_endpoint")
        assert step.attempts == min(times + 1, 3)
        if ends is Status.FAILED:
            assert step.code == "worker_out_of_resources"
            assert "the disk is full on this worker's machine" in step.sentence


def test_folder_of_a_killed_process_is_removed_and_one_in_use_stays(tmp_path: Path) -> None:
    killed = subprocess.run([sys.executable, "-c", LEAVE_A_FOLDER, str(tmp_path)], check=False, timeout=60)
    assert killed.returncode == -9
    (tmp_path / "somebody-elses").mkdir()

    with scratch_folder(tmp_path) as in_use:
        assert len(sweep(tmp_path)) == 1
        assert in_use.is_dir()
        assert {each.name for each in tmp_path.iterdir()} == {"somebody-elses", in_use.parent.name}
    assert [each.name for each in tmp_path.iterdir()] == ["somebody-elses"]


def test_folder_that_is_swept_away_before_it_is_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another worker begins at just that moment: it finds a lock that nobody holds yet."""
    lock, swept = fcntl.flock, list[str]()

    def flock(file: int, how: int) -> None:
        if how == fcntl.LOCK_EX and not swept:
            swept.extend(sweep(tmp_path))
        lock(file, how)

    monkeypatch.setattr("app.execution.scratch.fcntl.flock", flock)
    with scratch_folder(tmp_path) as in_use:
        assert len(swept) == 1
        (in_use / "file").touch()
        assert sweep(tmp_path) == []
        assert [each.name for each in tmp_path.iterdir()] == [in_use.parent.name]
    assert [*tmp_path.iterdir()] == []
