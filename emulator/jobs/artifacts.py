"""What a run keeps of itself: logs, and the folders ``outputs`` and ``logs`` of its working directory."""

import shutil
from pathlib import Path

from emulator import arm
from emulator.blob import files
from emulator.state import Emulator

# The folders of a working directory that Azure keeps without being asked.
_KEPT = ("outputs", "logs")
STANDARD_LOG = "user_logs/std_log.txt"
PIPELINE_LOG = "logs/azureml/executionlogs.txt"
IMAGE_LOG = "azureml-logs/20_image_build_log.txt"
_SHOWN = ("user_logs/", "logs/azureml/", "azureml-logs/")


def log_file(azure: Emulator, *, workspace: str, run: str, name: str) -> Path:
    """The path of one of a run's logs, its folder made."""
    path = files.run_folder(azure, workspace=workspace, job=run) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def say(log: Path, sentence: str) -> None:
    """Write a line of the service's own into a run's log."""
    with log.open("a", encoding="utf-8") as opened:
        opened.write(f"[{arm.now()}] {sentence}\n")


def make_folders(working_directory: Path) -> None:
    """The folders that a run finds in its working directory, and whose content is kept; empty unless its code has them."""
    for name in _KEPT:
        if not (working_directory / name).exists():  # or a file of the team's code
            (working_directory / name).mkdir()


def keep(azure: Emulator, *, workspace: str, run: str, working_directory: Path) -> None:
    """Keep what a run wrote beside its named outputs."""
    root = files.run_folder(azure, workspace=workspace, job=run)
    for name in _KEPT:
        if (working_directory / name).is_dir():
            shutil.copytree(working_directory / name, root / name, dirs_exist_ok=True)


def log_names(azure: Emulator, *, workspace: str, run: str) -> list[str]:
    """The names of a run's logs that can be read, below its folder."""
    root = files.run_folder(azure, workspace=workspace, job=run)
    found = (path.relative_to(root).as_posix() for path in files.walk(root) if path.stat().st_size)
    return [name for name in found if name.startswith(_SHOWN)]


def tail(log: Path, *, lines: int = 12, size: int = 8000) -> str:
    """The end of a log, for an error's text: at most so many lines and bytes."""
    text = log.read_bytes()[-size:].decode(errors="replace") if log.exists() else ""
    return "\n".join(text.strip().splitlines()[-lines:])
