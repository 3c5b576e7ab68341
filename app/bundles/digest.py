"""The digest of files: by what they contain and what they are called, whatever carried them.

Canonical: SHA-256 over one line for each file, sorted by path, ``<relative posix path>\\0<size>\\0<sha256 hex>\\n``. Times,
owners, permissions and empty folders do not count. Score code, models and bundles are all compared by it.
"""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, order=True)
class Entry:
    """One file: its relative posix path, its size in bytes and its SHA-256 in hexadecimal."""

    path: str
    size: int
    sha256: str


def digest_of(entries: Iterable[Entry]) -> str:
    """``sha256:…`` over the entries, in whatever order they come."""
    total = hashlib.sha256()
    for entry in sorted(entries):
        total.update(f"{entry.path}\0{entry.size}\0{entry.sha256}\n".encode())
    return f"sha256:{total.hexdigest()}"


def files_digest(files: Iterable[tuple[str, Path]]) -> str:
    """The digest of files under the relative posix paths that they are given."""
    return digest_of(_entry(name, path) for name, path in files)


def content_digest(root: Path) -> str:
    """The digest of every file under a folder; a single file counts as its name."""
    return digest_of(entries_of(root))


def entries_of(root: Path) -> Iterator[Entry]:
    """Every file under a folder; a single file counts as its name. Raises FileNotFoundError."""
    if root.is_file():
        yield _entry(root.name, root)
        return
    if not root.is_dir():
        raise FileNotFoundError(root)
    for path in root.rglob("*"):
        if path.is_file():
            yield _entry(path.relative_to(root).as_posix(), path)


def entry_of(name: str, content: bytes) -> Entry:
    return Entry(name, len(content), hashlib.sha256(content).hexdigest())


def _entry(name: str, path: Path) -> Entry:
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        return Entry(name, content.tell(), sha256)
