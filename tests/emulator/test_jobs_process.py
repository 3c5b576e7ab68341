"""Commands as real processes: exit status, log, time limit, cancellation, and what happens when the emulator is killed."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from emulator.jobs.process import run_command
from tests.processes import wait_until_ended, wait_until_written

PATH = {"PATH": os.defpath}


def run(command: str, folder: Path, *, timeout: float | None = None) -> int:
    return asyncio.run(run_command(command, folder=folder, log=folder / "log", environment=PATH, timeout=timeout))


@pytest.mark.parametrize("status", [0, 3])
def test_exit_status_is_the_commands(tmp_path: Path, status: int) -> None:
    assert run(f"exit {status}", tmp_path) == status


def test_command_ended_by_a_signal_has_its_number(tmp_path: Path) -> None:
    assert run("kill -TERM $$", tmp_path) == 128 + signal.SIGTERM


def test_both_output_streams_are_in_the_log(tmp_path: Path) -> None:
    run("echo out; echo err >&2", tmp_path)
    assert sorted((tmp_path / "log").read_text().split()) == ["err", "out"]


def test_command_has_no_input_to_wait_for(tmp_path: Path) -> None:
    assert run("cat", tmp_path, timeout=10) == 0


def test_environment_is_what_is_given_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "not-for-jobs")
    run("env", tmp_path)
    assert "not-for-jobs" not in (tmp_path / "log").read_text()


def test_command_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError):
        run("sleep 300 & echo $! > child; echo $$ > parent; wait", tmp_path, timeout=1)
    wait_until_ended(int((tmp_path / "child").read_text()))
    wait_until_ended(int((tmp_path / "parent").read_text()))


def test_what_a_command_leaves_in_the_background_ends_with_it(tmp_path: Path) -> None:
    run("sleep 300 & echo $! > child", tmp_path)
    wait_until_ended(int((tmp_path / "child").read_text()))


def test_command_of_a_cancelled_caller_is_ended(tmp_path: Path) -> None:
    async def cancelled() -> None:
        command = "echo $$ > pid; exec sleep 300"
        task = asyncio.create_task(
            run_command(command, folder=tmp_path, log=tmp_path / "log", environment=PATH, timeout=None)
        )
        await asyncio.to_thread(wait_until_written, tmp_path / "pid")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    wait_until_ended(int((tmp_path / "pid").read_text()))


def test_command_of_a_killed_emulator_is_ended(tmp_path: Path) -> None:
    program = textwrap.dedent(
        """
        import asyncio, os, sys
        from pathlib import Path
        from emulator.jobs.process import run_command
        folder = Path(sys.argv[1])
        asyncio.run(run_command("echo $$ > pid; exec sleep 300", folder=folder, log=folder / "log",
                                environment={"PATH": os.defpath}, timeout=None))
        """
    )
    emulator = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)])
    try:
        pid = int(wait_until_written(tmp_path / "pid"))
    finally:
        emulator.kill()
        emulator.wait()
    wait_until_ended(pid)
