"""The database: one engine a process, a session per unit of work.

Code below the edges takes a Session and never commits; ``Database.write`` commits once, at the end, or nothing.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from functools import cached_property
from typing import TypeVar

from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from sqlmodel import Session

from app.database.clock import AgreedClock, database_now
from app.database.engines import clean_parameters, log_in_with, postgresql_engine, sqlite_engine
from app.database.together import beginning
from app.database.watch import Watch
from app.errors import Unavailable

BUSY_SECONDS = 30.0  # that a transaction waits for another one's locks
CONTENTION_TRIES = 5
CROSSED = "database_deadlock"
_TOO_MUCH = "54"  # class of SQLSTATE: program_limit_exceeded
_NO_SUCH_TABLE_OR_COLUMN = frozenset({"42P01", "42703"})
REVISION = "SELECT version_num FROM alembic_version"

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
            sqlite_engine(url, busy_seconds)
            if url.startswith("sqlite")
            else postgresql_engine(url, pool_size, busy_seconds)
        )
        # SQLite has whoever must wait for another writer sleep and try again, and gives up on some for others that came later.
        self._turn: AbstractContextManager[None] = _Turn(busy_seconds) if url.startswith("sqlite") else nullcontext()
        log_in_with(self.engine, password)
        self._clock = AgreedClock(self._read_clock)
        event.listen(self.engine, "before_cursor_execute", clean_parameters, retval=True)

    @contextmanager
    def write(self) -> Iterator[Session]:
        """One transaction: committed when the block ends well. Raises Unavailable when the database does not answer."""
        session = Session(self.engine, expire_on_commit=False)
        with self.transaction(session):
            yield session

    @contextmanager
    def transaction(self, session: Session) -> Iterator[None]:
        """The one transaction of this session, as ``write`` has it."""
        with self._turn, available(), session, session.begin():
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
        found = beginning(session.connection(), REVISION)
        if found != self.revision:
            raise Unavailable(
                f"The database was migrated to revision {found} while this process ran; the process needs {self.revision}.",
                code="database_is_newer",
                hint="Replace this process by the version that migrated the database. It writes nothing until then.",
            )

    @cached_property
    def watch(self) -> Watch:
        """Counts changes by anybody, from the first time that somebody asks."""
        return Watch(self.engine)

    def dispose(self) -> None:
        if "watch" in vars(self):
            self.watch.close()
        self.engine.dispose()


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
        return _locked("Another process")
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


class _Turn(AbstractContextManager[None]):
    """Lets one thread of this process write at a time."""

    def __init__(self, seconds: float) -> None:
        self._lock = threading.Lock()
        self._seconds = seconds

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._seconds):
            raise _locked("Another transaction of this process")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def _locked(by: str) -> Unavailable:
    return Unavailable(
        f"{by} has locked the database for too long.",
        code="database_locked",
        hint="Try again. If it stays, look for a process that holds a transaction open.",
    )


def see_one_moment(session: Session) -> None:
    """Have all that is read come from one moment, whatever is written meanwhile: before anything is read. SQLite does so anyway."""
    connection = session.connection()
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
