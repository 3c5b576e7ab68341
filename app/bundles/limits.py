"""How large a bundle may be, and what may be in it: the same rules for who packs and who unpacks."""

import unicodedata
from collections.abc import Iterator
from pathlib import PurePosixPath

from app.errors import Invalid, TooLarge

MAX_PACKED = 16 * 1024**2  # bytes
MAX_UNPACKED = 64 * 1024**2  # bytes, all files together
MAX_FILES = 2000
MAX_ENTRIES = 2 * MAX_FILES  # with the folders
MAX_NAME = 255  # bytes: what file systems take
MAX_PATH = 1024  # bytes


class Paths:
    """The files of one bundle so far: says no to a path that could not be unpacked on every machine, safely."""

    def __init__(self) -> None:
        self._files: dict[str, str] = {}
        self._folders: set[str] = set()

    def add(self, raw: str) -> str:
        """The path in its plain form. Raises Invalid, or TooLarge when there are too many."""
        path = plain_path(raw)
        key = _folded(path)
        if key in self._files:
            raise Invalid(
                f"The bundle has {path!r} twice (also as {self._files[key]!r}).",
                code="bundle_duplicate_path",
                hint="Some file systems ignore upper and lower case.",
            )
        parents = list(_parents(key))
        if key in self._folders or any(parent in self._files for parent in parents):
            raise Invalid(f"{path!r} is both a file and a folder in the bundle.", code="bundle_duplicate_path")
        self._files[key] = path
        self._folders.update(parents)
        if len(self._files) > MAX_FILES:
            raise TooLarge(
                f"The bundle has more than {MAX_FILES:,} files.",
                code="bundle_too_many_files",
                hint="Bundle the definition and its score code only.",
            )
        return path


def plain_path(raw: str) -> str:
    """A relative posix path without ``.`` parts. Raises Invalid when it leads out or cannot be written everywhere."""
    parts = PurePosixPath(raw).parts
    if raw.startswith("/") or ".." in parts or "\\" in raw or (parts and parts[0][1:2] == ":"):
        raise Invalid(
            f"The path {raw!r} is not inside the bundle.",
            code="bundle_path_unsafe",
            hint="Paths in a bundle are relative, with forward slashes and without `..`.",
        )
    if not parts or not raw.isprintable():
        raise Invalid(f"The bundle has a file with the invalid name {raw!r}.", code="bundle_path_unusable")
    path = "/".join(parts)
    if len(path.encode()) > MAX_PATH or any(len(part.encode()) > MAX_NAME for part in parts):
        raise Invalid(f"A path in the bundle is too long: {path[:80]}….", code="bundle_path_unusable")
    return path


def check_packed(size: int) -> None:
    """Raises TooLarge when an archive has more bytes than is accepted."""
    if size > MAX_PACKED:
        raise TooLarge(
            f"The bundle has {size:,} bytes packed; at most {MAX_PACKED:,} are accepted.",
            code="bundle_too_large",
            hint="Bundle the definition and its score code only: models and data stay in Azure ML.",
        )


def check_unpacked(size: int) -> None:
    """Raises TooLarge when the files together have more bytes than is accepted."""
    if size > MAX_UNPACKED:
        raise TooLarge(
            f"The bundle has more than {MAX_UNPACKED:,} bytes unpacked.",
            code="bundle_too_large",
            hint="Bundle the definition and its score code only: models and data stay in Azure ML.",
        )


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", path).casefold()


def _parents(key: str) -> Iterator[str]:
    """``a/b/c`` → ``a/b``, ``a``."""
    while "/" in key:
        key = key.rpartition("/")[0]
        yield key
