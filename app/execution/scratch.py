"""Scratch folders of attempts. Each is locked by its process, so the folders of killed processes can be found and removed."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SCRATCH = "scratch"  # below the data folder
_PREFIX = "attempt-"
_LOCK = ".lock"


@contextmanager
def scratch_folder(root: Path) -> Iterator[Path]:
    """An empty folder that goes with the block."""
    root.mkdir(parents=True, exist_ok=True)
    while True:
        outer = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
        lock = None
        try:
            lock = os.open(outer / _LOCK, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not _is_there(outer / _LOCK, lock):
                continue  # swept away by another process, which had the lock before us
            inner = outer / "files"
            inner.mkdir()
            yield inner
            return
        finally:
            shutil.rmtree(outer, ignore_errors=True)
            if lock is not None:
                os.close(lock)


def sweep(root: Path) -> list[str]:
    """Remove the folders whose process is gone; their names. Others' folders, and those that are in use, stay."""
    return [each.name for each in sorted(root.glob(f"{_PREFIX}*")) if each.is_dir() and _remove_if_dead(each)]


def _is_there(file: Path, opened: int) -> bool:
    """Whether an open file still is the one at this path."""
    try:
        return os.path.samestat(file.stat(), os.fstat(opened))
    except FileNotFoundError:
        return False


def _remove_if_dead(folder: Path) -> bool:
    try:
        lock = os.open(folder / _LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False  # it is being made at this moment, or is nobody's of ours
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
