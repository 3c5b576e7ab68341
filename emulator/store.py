"""The emulator's memory: JSON documents in one SQLite file, each at a path, kept over restarts and kills.

A path is made of parts, e.g. ``("workspaces", "ws-dev", "models", "churn", "versions", "1")``. Parts are compared as
Azure compares names in resource ids: case-insensitively, case preserved.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]

_SEPARATOR = "\x1f"  # cannot stand in an Azure name, so a prefix never matches half a name


def _is_path(parts: tuple[str, ...]) -> bool:
    return bool(parts) and all(part and _SEPARATOR not in part for part in parts)


def _key(parts: tuple[str, ...]) -> str:
    if not _is_path(parts):
        raise ValueError(f"not a document path: {parts!r}")
    return _SEPARATOR.join(part.lower() for part in parts) + _SEPARATOR


class Store:
    """Documents by path. Safe for several threads; every call outside ``transaction`` is a transaction of its own."""

    def __init__(self, file: Path) -> None:
        self._lock = threading.RLock()
        self._depth = 0
        self._db = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS documents ("
            " sequence INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, depth INTEGER NOT NULL, body TEXT NOT NULL)"
        )

    def close(self) -> None:
        with self._lock:
            self._db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nests. Hold it for reads that a write depends on, never across an ``await``."""
        with self._lock:
            outermost = self._depth == 0
            if outermost:
                self._db.execute("BEGIN IMMEDIATE")
            self._depth += 1
            try:
                yield
            except BaseException:
                if outermost:
                    self._db.execute("ROLLBACK")
                raise
            else:
                if outermost:
                    self._db.execute("COMMIT")
            finally:
                self._depth -= 1

    def get(self, *path: str) -> Document | None:
        """The document at this path, or None."""
        if not _is_path(path):  # e.g. an empty name: nothing can be there
            return None
        with self._lock:
            row = self._db.execute("SELECT body FROM documents WHERE key = ?", (_key(path),)).fetchone()
        return None if row is None else json.loads(row[0])

    def put(self, *path: str, body: Document) -> None:
        """Write or replace; a replaced document keeps its place in the order of creation."""
        with self._lock:
            self._db.execute(
                "INSERT INTO documents (key, depth, body) VALUES (?, ?, ?)"
                " ON CONFLICT (key) DO UPDATE SET body = excluded.body",
                (_key(path), len(path), json.dumps(body)),
            )

    def delete(self, *path: str) -> bool:
        """Remove the document and everything below it; False when there was nothing."""
        if not _is_path(path):
            return False
        key = _key(path)
        with self._lock:
            found = self._db.execute("DELETE FROM documents WHERE key >= ? AND key < ?", (key, key + "\U0010ffff"))
            return found.rowcount > 0

    def replace_everywhere(self, old: str, new: str) -> None:
        """Replace a text, an address, in all documents."""
        with self._lock:
            self._db.execute("UPDATE documents SET body = replace(body, ?, ?) WHERE instr(body, ?)", (old, new, old))

    def children(self, *path: str) -> list[Document]:
        """The documents exactly one part below this path, oldest first."""
        return self.below(*path, levels=1)

    def below(self, *path: str, levels: int) -> list[Document]:
        """The documents exactly ``levels`` parts below this path, oldest first."""
        if not _is_path(path):
            return []
        key = _key(path)
        with self._lock:
            rows = self._db.execute(
                "SELECT body FROM documents WHERE key >= ? AND key < ? AND depth = ? ORDER BY sequence",
                (key, key + "\U0010ffff", len(path) + levels),
            ).fetchall()
        return [json.loads(row[0]) for row in rows]
