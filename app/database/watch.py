"""Whether anybody has changed the database, for threads that wait for work: asking for that takes almost nothing, looking for work does.

SQLite counts what others have committed. PostgreSQL notifies of it, by triggers on the tables that have work. Neither says what was
changed. While the database does not answer, each look finds that it may have been: then threads look as often as they would anyway.
"""

import sqlite3
import threading
import time
from contextlib import closing
from typing import Any

import structlog
from sqlalchemy import Connection, Engine, text

log = structlog.get_logger(__name__)

SQLITE_SECONDS = 0.1  # between two questions; each takes some microseconds
POSTGRESQL_SECONDS = 1.0  # until the thread sees that it is to end; notifications come at once
AGAIN_SECONDS = 1.0  # after the database did not answer

_CHANNEL = "mlrelease_changed"
_TABLES = {
    "dbos.workflow_status": "INSERT OR UPDATE",
    "delivery": "INSERT",
    "event": "INSERT",
    "rollout": "UPDATE",
    "target": "INSERT OR UPDATE",
    "training_job": "INSERT OR UPDATE",
}


class Watch:
    """Counts the changes of a database by anybody, in a thread, until it is closed."""

    def __init__(self, engine: Engine) -> None:
        self.count = 0
        self._engine = engine
        self._closed = threading.Event()
        threading.Thread(target=self._keep, name="watch", daemon=True).start()

    def close(self) -> None:
        self._closed.set()

    def _keep(self) -> None:
        watch = self._watch_sqlite if self._engine.dialect.name == "sqlite" else self._watch_postgresql
        while not self._closed.is_set():
            try:
                watch()
            except Exception as broken:  # noqa: BLE001 - whatever it is: without this thread nobody would hear of work
                log.warning("watch_lost", error=str(broken))
                self.count += 1
                self._closed.wait(AGAIN_SECONDS)

    def _watch_sqlite(self) -> None:
        with closing(sqlite3.connect(str(self._engine.url.database), isolation_level=None)) as connection:
            seen = None
            while not self._closed.wait(SQLITE_SECONDS):
                (version,) = connection.execute("PRAGMA data_version").fetchone()
                self.count += version != seen
                seen = version

    def _watch_postgresql(self) -> None:
        with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            driver: Any = connection.connection.driver_connection
            driver.execute(f"LISTEN {_CHANNEL}")
            try:
                self.count += 1  # what came before is not told
                while not self._closed.is_set():
                    for _ in driver.notifies(timeout=POSTGRESQL_SECONDS, stop_after=1):
                        self.count += 1
            finally:
                connection.invalidate()  # nobody else is to have one that listens


class Look:
    """When one thread looks for work: after a change, and after some time in any case."""

    def __init__(self, watch: Watch, *, seconds: float) -> None:
        self._watch = watch
        self._seconds = seconds
        self._seen: int | None = None
        self._until = 0.0

    def is_time(self) -> bool:
        """Whether to look now. What is changed from here on is seen by the next look."""
        count = self._watch.count
        if count == self._seen and time.monotonic() < self._until:
            return False
        self._seen, self._until = count, time.monotonic() + self._seconds
        return True

    def again_in(self, seconds: float) -> None:
        """Look by then, if not earlier."""
        self._until = min(self._until, time.monotonic() + seconds)


def notify_of_changes(connection: Connection) -> None:
    """Have PostgreSQL notify of what is written to tables that have work, once for each transaction. SQLite needs nothing.

    For rows, not for statements: the engine says each second that what has timed out is cancelled, which mostly is nothing.
    """
    if connection.dialect.name != "postgresql":
        return
    connection.execute(
        text(
            f"CREATE OR REPLACE FUNCTION {_CHANNEL}() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN PERFORM pg_notify('{_CHANNEL}', ''); RETURN NULL; END $$"
        )
    )
    for table, changes in _TABLES.items():
        connection.execute(
            text(
                f"CREATE OR REPLACE TRIGGER {_CHANNEL} AFTER {changes} ON {table} "
                f"FOR EACH ROW EXECUTE FUNCTION {_CHANNEL}()"
            )
        )
