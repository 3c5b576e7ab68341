"""What is kept on disk is for the user who runs the service: folders 0700, files 0600, also on a machine with other users."""

import os
import secrets
import stat
from pathlib import Path

from app.errors import Misconfigured

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def keep_files_private(data: Path) -> None:
    """From now on this process makes files that only its user can open; what is in the data folder already becomes so."""
    os.umask(_OTHERS)
    if data.is_dir():
        make_private_folder(data)


def make_private_folder(folder: Path) -> None:
    """A folder for its owner alone, with its files. Folders above it that are missing are made as private.

    One that is another user's, such as a mounted volume, stays as it is. Raises Misconfigured when it cannot be made or read.
    """
    try:
        _make(folder)
        _close_to_others(folder)
        for file in folder.iterdir():
            _close_to_others(file)
    except OSError as refused:
        raise Misconfigured(
            f"The folder {folder} cannot be used: {(refused.strerror or str(refused)).lower()}.",
            code="data_folder_unusable",
            hint="Set MLRELEASE_DATA to a folder that can be read and written.",
        ) from refused


def write_once(file: Path, content: str) -> None:
    """A file for its owner alone, whole or not at all; one that is there already stays. Raises OSError."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as new:
            new.write(content)
        # A link, because it is whole at once, and fails when another process was first.
        os.link(draft, file)
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


def _make(folder: Path) -> None:
    # Not by `parents=True`: what that makes above has the mode that the umask leaves.
    if not folder.parent.exists():
        _make(folder.parent)
    folder.mkdir(mode=stat.S_IRWXU, exist_ok=True)


def _close_to_others(path: Path) -> None:
    try:
        status = path.lstat()
        is_ours = status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode)
        if is_ours and status.st_mode & _OTHERS:
            path.chmod(stat.S_IMODE(status.st_mode) & ~_OTHERS)
    except FileNotFoundError:
        return  # another process's, gone meanwhile
