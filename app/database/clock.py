"""The database's clock: the one that processes on different machines agree on."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session, select

from app.database.types import UtcDateTime


class Clock(FunctionElement[datetime]):
    """The moment by the database's clock, to be selected; it moves on within a transaction."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(Clock)
def _clock(_element: Clock, _compiler: SQLCompiler, **_options: Any) -> str:
    return "clock_timestamp()"


@compiles(Clock, "sqlite")
def _clock_of_sqlite(_element: Clock, _compiler: SQLCompiler, **_options: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


def database_now(session: Session) -> datetime:
    return session.exec(select(Clock())).one()


KEPT_SECONDS = (
    30.0  # that a reading is counted on from: this machine's own clock drifts less in that time than a reading takes
)


class AgreedClock:
    """The database's moment without asking each time: a reading, and what this machine's steady clock has counted since."""

    def __init__(self, read: Callable[[], datetime]) -> None:
        self._read = read
        self._moment: datetime | None = None
        self._counted_from = 0.0
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Raises Unavailable when the database does not answer."""
        with self._lock:
            if self._moment is None or _steady() - self._counted_from > KEPT_SECONDS:
                begun = _steady()
                self._moment = self._read()
                self._counted_from = (begun + _steady()) / 2
            return self._moment + timedelta(seconds=_steady() - self._counted_from)


def _steady() -> float:
    """Seconds that also pass while the machine sleeps, where the system has such a clock."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()
