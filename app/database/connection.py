"""The database: one engine a process, a session per unit of work.

Code below the edges takes a Session and never commits; ``Database.write`` commits once, at the end, or nothing.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlmodel import Session

from app.database.clock import AgreedClock, database_now
from app.database.storable import LARGEST, replace_unstorable
from app.errors import Invalid, Unavailable

BUSY_SECONDS = 30.0  # that a transaction waits for another one's locks
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
CONTENTION_TRIES = 5
CROSSED = "database_deadlock"
_TOO_MUCH = "54"  # class of SQLSTATE: program_limit_exceeded
_NO_SUCH_TABLE_OR_COLUMN = frozenset({"42P01", "42703"})
REVISION = text("SELECT version_num FROM alembic_version")

Result = TypeVar("Result")


class Database:
    """Read and write sessions over SQLite (in WAL mode) or PostgreSQL."""

    def __init__(
        self,
        url: str,
        *,
        pool_size: int = 10,
        busy_seconds: float = BUSY_SECONDS,
        password: Callable[[], str] | None = None,
    ) -> None:
        """``password`` gives the one for a PostgreSQL connection that is about to be opened, instead of the URL's."""
        self.url = url
        self.password = password
        self.revision: str | None = None  # of the schema that this process may write to; None: any
        self.engine = (
            _sqlite_engine(url, busy_seconds)
            if url.startswith("sqlite")
            else _postgresql_engine(url, pool_size, busy_seconds)
        )
        log_in_with(self.engine, password)
        self._clock = AgreedClock(self._read_clock)
        event.listen(self.engine, "before_cursor_execute", _clean_parameters, retval=True)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed when the block ends well. Raises Unavailable when the database does not answer."""
        session = Session(self.engine, expire_on_commit=False)
        with self.transaction(session):
            yield session

    @contextmanager
    def transaction(self, session: Session) -> Iterator[None]:
        """The one transaction of this session, as ``write`` has it."""
        with available(), session, session.begin():
            self._require_revision(session)
            yield

    @contextmanager
    def read(self) -> Iterator[Session]:
        """One consistent view that takes no write lock. Raises Unavailable when the database does not answer."""
        with available(), Session(self.engine, expire_on_commit=False) as session:
            session.connection(execution_options={"read_only": True})
            yield session

    def transact(self, work: Callable[[Session], Result]) -> Result:
        """Run ``work`` in a write transaction, again when another one took the same number, name or rows meanwhile."""

        def attempt() -> Result:
            with self.write() as session:
                return work(session)

        return again_when_crossed(attempt)

    def now(self) -> datetime:
        """The moment, by the clock that every process on this database agrees on. Raises Unavailable."""
        if self.engine.dialect.name == "sqlite":
            return datetime.now(UTC)  # all of them are on this machine
        return self._clock.now()

    def _read_clock(self) -> datetime:
        with self.read() as session:
            return database_now(session)

    def _require_revision(self, session: Session) -> None:
        """Asked in each transaction: a newer version may have migrated the database since this process began."""
        if self.revision is None:
            return
        found = session.connection().execute(REVISION).scalar()
        if found != self.revision:
            raise Unavailable(
                f"The database was migrated to revision {found} while this process ran; the process needs {self.revision}.",
                code="database_is_newer",
                hint="Replace this process by the version that migrated the database. It writes nothing until then.",
            )

    def dispose(self) -> None:
        self.engine.dispose()


def log_in_with(engine: Engine, password: Callable[[], str] | None) -> None:
    """Ask for a password whenever the engine opens a connection. None: as its URL says."""
    if password is None:
        return

    @event.listens_for(engine, "do_connect")
    def _log_in(_dialect: Any, _record: Any, _arguments: Any, parameters: dict[str, Any]) -> None:
        parameters["password"] = password()


def again_when_crossed(attempt: Callable[[], Result]) -> Result:
    """Make an attempt at a transaction, and some more where it met another one: one of two that cross can only begin anew."""
    for _ in range(CONTENTION_TRIES - 1):
        try:
            return attempt()
        except IntegrityError:
            continue
        except Unavailable as crossed:
            if crossed.code != CROSSED:
                raise
    return attempt()


@contextmanager
def available() -> Iterator[None]:
    """Raise Unavailable, with a sentence and a hint, when the database does not answer or cannot write."""
    try:
        yield
    except OperationalError as broken:
        if _is_refusal(broken):
            raise
        raise _unavailable(broken) from broken
    except NoFreeConnection as crowd:
        raise Unavailable(
            "Every connection to the database is in use.",
            code="database_busy",
            hint="Try again in a moment. If it stays, run more processes or look for slow queries.",
        ) from crowd
    except DBAPIError as broken:
        if broken.connection_invalidated or _lacks_a_table(broken):
            raise _unavailable(broken) from broken
        raise


def _is_refusal(broken: DBAPIError) -> bool:
    """PostgreSQL says "operational" too of what is too large or nested too deep: waiting for another answer would never end."""
    return (getattr(broken.orig, "sqlstate", None) or "").startswith(_TOO_MUCH)


def _lacks_a_table(broken: DBAPIError) -> bool:
    return getattr(broken.orig, "sqlstate", None) in _NO_SUCH_TABLE_OR_COLUMN


def _unavailable(broken: DBAPIError) -> Unavailable:
    # SQLite ends the transaction by itself when it cannot write: undoing a savepoint then fails too, and hides why.
    while isinstance(broken.__context__, OperationalError):
        broken = broken.__context__
    said = str(broken.orig).strip().splitlines()[0] if str(broken.orig).strip() else type(broken.orig).__name__
    if "no such table" in said or "does not exist" in said:
        return Unavailable(
            f"The database's tables are missing ({said}).",
            code="migrations_not_applied",
            hint="Run `mlrelease migrate`.",
        )
    if "deadlock detected" in said:
        return Unavailable("Two transactions waited for each other's rows.", code=CROSSED, hint="Try again.")
    if "locked" in said or "busy" in said or "lock timeout" in said:
        return Unavailable(
            "Another process has locked the database for too long.",
            code="database_locked",
            hint="Try again. If it stays, look for a process that holds a transaction open.",
        )
    if "full" in said:
        return Unavailable(
            "The disk that holds the database is full.",
            code="disk_full",
            hint="Free some space and try again.",
        )
    if "disk I/O error" in said:
        return Unavailable(
            "The disk that holds the database cannot be written.",
            code="disk_unusable",
            hint="Free some space, and check the disk's health and limits on file sizes.",
        )
    return Unavailable(
        f"The database does not respond ({said}).",
        code="database_unreachable",
        hint="Check MLRELEASE_DATABASE_URL and that the server runs.",
    )


def see_one_moment(session: Session) -> None:
    """Have all that is read come from one moment, whatever is written meanwhile: before anything is read. SQLite does so anyway."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _clean_parameters(
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


def _sqlite_engine(url: str, busy_seconds: float) -> Engine:
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


def _postgresql_engine(url: str, pool_size: int, busy_seconds: float) -> Engine:
    return create_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={
            "connect_timeout": CONNECT_SECONDS,
            "options": f"-c lock_timeout={int(busy_seconds * 1000)} -c idle_in_transaction_session_timeout={IDLE_SECONDS * 1000}",
            **NOTICE_A_LOST_SERVER,
        },
    )
