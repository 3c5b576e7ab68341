"""The token of the development login: a file that only the user who runs the service can read.

Whoever can read it may say any name. Without it every local user of a shared machine could.
"""

import os
import secrets
import stat
from pathlib import Path

from app.errors import Misconfigured
from app.process.private_files import make_private_folder, write_once

_NAME = "development-token"
_LONGEST = 200  # bytes


def token_file(data: Path) -> Path:
    return data.absolute() / _NAME


def make_token(data: Path) -> str:
    """The token in this data folder; a new one when there is none. Raises Misconfigured."""
    make_private_folder(data)
    file = token_file(data)
    try:
        write_once(file, secrets.token_urlsafe(32) + "\n")
    except OSError as refused:
        raise _unusable(file, refused.strerror or str(refused)) from refused
    token = read_token(data)
    if token is None:
        raise _unusable(file, "it was removed")
    return token


def read_token(data: Path) -> str | None:
    """The token in this data folder; None when there is none. Raises Misconfigured for a file that another user has written or can read."""
    file = token_file(data)
    try:
        # A link could lead to a file of ours that was never meant to be sent anywhere.
        with os.fdopen(os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
            status = os.fstat(opened.fileno())
            content = opened.read(_LONGEST)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as refused:
        raise _unusable(file, refused.strerror or str(refused)) from refused
    if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
        raise _unusable(file, "it belongs to another user, or is not a file")
    if stat.S_IMODE(status.st_mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise _unusable(file, "other users can read it")
    token = content.strip()
    if not token or not token.isascii():
        raise _unusable(file, "it is empty")
    return token.decode("ascii")


def remove_token(data: Path) -> None:
    """Have it gone: the next service makes another one."""
    token_file(data).unlink(missing_ok=True)


def _unusable(file: Path, why: str) -> Misconfigured:
    return Misconfigured(
        f"The development token {file} cannot be used: {why.lower()}.",
        code="development_token_unusable",
        hint="Remove the file and start the service again.",
    )
