"""This process's environment: where secrets come in, and where they must not stay.

Linux shows the environment that a program was started with in ``/proc/PID/environ`` for as long as it runs, to everything that runs
as the same user. So a process that is given secrets begins anew, in place, without them: they are handed over through a file in
memory that is read once. From then on they are in ``os.environ`` only until they have been used.
"""

import ctypes
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

SECRETS = frozenset(
    {
        "AZURE_CLIENT_CERTIFICATE_PASSWORD",
        "AZURE_CLIENT_SECRET",
        "AZURE_PASSWORD",
        "IDENTITY_HEADER",
        "MLRELEASE_DATABASE_URL",
        "MLRELEASE_GITHUB_WEBHOOK_SECRET",
        "MLRELEASE_LOGIN_CLIENT_SECRET",
        "MLRELEASE_PIPELINES_SECRET",
        "MLRELEASE_SIGNING_KEYS",
        "MLRELEASE_SLACK_SIGNING_SECRET",
        "MLRELEASE_SLACK_TOKEN",
        "MLRELEASE_TEAMS_URLS",
        "MSI_SECRET",
        "PGPASSWORD",
    }
)
# Read by libraries whenever they connect: these stay in ``os.environ``, which is memory of our own.
_READ_LATER = frozenset({"IDENTITY_HEADER", "MSI_SECRET", "PGPASSWORD"})
FOLDER = "MLRELEASE_SECRETS_DIR"
_HANDED_OVER = "MLRELEASE_SECRETS_DESCRIPTOR"  # the number of the file in memory
_SET_DUMPABLE = 4  # of prctl(2)


def hide_secrets() -> None:
    """Of a process that was just started, before anything else: go on without secrets where others can read them."""
    number = os.environ.pop(_HANDED_OVER, None)
    if number is not None:
        with os.fdopen(int(number), "rb") as handed:
            os.environ.update(json.load(handed))
    elif any(_is_secret(name) for name in os.environ):
        begin_anew(sys.orig_argv[1:], dict(os.environ))
    _read_files()
    if sys.platform == "linux":
        # Nor may others of the same user read the memory. The kernel takes this back with each new program.
        ctypes.CDLL(None).prctl(_SET_DUMPABLE, 0, 0, 0, 0)


def forget_secrets() -> None:
    """Once they have been used: what this process starts inherits none."""
    for name in [name for name in os.environ if _is_secret(name) and name.upper() not in _READ_LATER]:
        del os.environ[name]


def without_secrets(environment: Mapping[str, str]) -> dict[str, str]:
    """For a program that needs none of them."""
    return {name: value for name, value in environment.items() if not _is_secret(name)}


def begin_anew(arguments: Sequence[str], environment: Mapping[str, str]) -> NoReturn:
    """Become Python with these arguments, in this environment; its secrets are handed over and not shown."""
    shown = without_secrets(environment)
    secrets = {name: value for name, value in environment.items() if _is_secret(name)}
    if secrets:
        shown[_HANDED_OVER] = str(_file_in_memory(json.dumps(secrets).encode()))
    os.execve(sys.executable, [sys.executable, *arguments], shown)  # noqa: S606 - ourselves


def _read_files() -> None:
    """Secrets that are files of a folder, as containers mount them: each has its variable's name."""
    folder = os.environ.get(FOLDER)
    for name in sorted(each for each in SECRETS if not os.environ.get(each)) if folder else ():
        with suppress(FileNotFoundError):
            os.environ[name] = Path(folder or "", name).read_text().strip()


def _is_secret(name: str) -> bool:
    return name.upper() in SECRETS  # settings are read in any case


def _file_in_memory(content: bytes) -> int:
    """An open file with this content, without a name, that the next program inherits."""
    if sys.platform == "linux":
        file = os.memfd_create("secrets", 0)
        os.write(file, content)
        os.lseek(file, 0, os.SEEK_SET)
    else:
        file, end = os.pipe()
        os.write(end, content)
        os.close(end)
    os.set_inheritable(file, True)
    return file
