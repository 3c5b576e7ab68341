"""Engines for SQLite and PostgreSQL: how connections are opened and proved, and what may be sent over them."""

import select
import sqlite3
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError

from app.database.storable import LARGEST, replace_unstorable
from app.errors import Invalid

CONNECT_SECONDS = 10  # of a PostgreSQL server that does not answer; the driver's own patience is two minutes
# A process that is stopped in the middle of a transaction keeps its locks, and everybody else waits for it: the server ends that
# transaction. None of ours waits for anything but the database.
IDLE_SECONDS = 10
# A server whose host vanishes closes nothing: without these a query waits for it for a quarter of an hour.
NOTICE_A_LOST_SERVER = {
    "keepalives_idle": 5,  # seconds
    "keepalives_interval": 5,  # seconds
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,  # milliseconds
}


def sqlite_engine(url: str, busy_seconds: float) -> Engine:
    """In WAL mode, with transactions that begin where SQLAlchemy says."""
    engine = create_engine(url, connect_args={"timeout": busy_seconds, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def _configure(connection: sqlite3.Connection, _record: Any) -> None:
        # Transactions are begun by the listener below: the driver's own habit of beginning late loses updates.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A write transaction takes the lock at once: two that read first and write later would deadlock into an error.
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def postgresql_engine(url: str, pool_size: int, busy_seconds: float) -> Engine:
    """With connections that are proved before use, and limits on what a lost server or a stopped process keeps waiting."""
    engine = create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "options": f"-c lock_timeout={int(busy_seconds * 1000)} -c idle_in_transaction_session_timeout={IDLE_SECONDS * 1000}",
            **NOTICE_A_LOST_SERVER,
        },
    )

    @event.listens_for(engine, "checkout")
    def _check(connection: Any, _record: Any, _proxy: Any) -> None:
        # A server that has ended a connection has said so: to ask it each time would take a round trip of every transaction.
        if connection.closed or (_is_told_something(connection) and not _answers(connection)):
            raise InvalidatePoolError

    return engine


def _is_told_something(connection: Any) -> bool:
    waiting = select.poll()
    waiting.register(connection.fileno(), select.POLLIN)
    return bool(waiting.poll(0))


def _answers(connection: Any) -> bool:
    try:
        connection.execute("SELECT 1")
        connection.rollback()
    except connection.OperationalError:
        return False
    return True


def log_in_with(engine: Engine, password: Callable[[], str] | None) -> None:
    """Ask for a password whenever the engine opens a connection. None: as its URL says."""
    if password is None:
        return

    @event.listens_for(engine, "do_connect")
    def _log_in(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        parameters["password"] = password()


def clean_parameters(
    _connection: Connection, _cursor: Any, statement: str, parameters: Any, _context: Any, executemany: bool
) -> tuple[str, Any]:
    """The last line of defence, for both databases the same: text is cleaned, a number that no column holds is refused.

    Raises Invalid.
    """
    # Rows that one statement inserts together come as many, in one set of parameters.
    is_many = executemany and isinstance(parameters, list)
    return statement, [_storable(each) for each in parameters] if is_many else _storable(parameters)


def _storable(parameters: Any) -> Any:
    if isinstance(parameters, dict):
        return {key: _storable_value(value) for key, value in parameters.items()}
    return tuple(_storable_value(value) for value in parameters)


def _storable_value(value: Any) -> Any:
    if isinstance(value, str):
        return replace_unstorable(value)
    if type(value) is int and not -LARGEST - 1 <= value <= LARGEST:
        raise Invalid("A number is larger than can be stored.", code="number_too_large")
    return value
