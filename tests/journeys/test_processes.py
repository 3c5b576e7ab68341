"""Processes that cannot work say so in one sentence, with what to do, and leave nothing behind."""

import os
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import event

from app.cli.development_login import DevelopmentLogin
from app.local.local_azure import local_environment
from app.local.ports import free_port
from app.settings import Settings
from tests.api.serving import serving
from tests.bundles.tars import tar_of
from tests.journeys.running import PATIENCE_SECONDS

BIG_BUNDLE = tar_of(("release.yml", os.urandom(4 * 1024**2)))  # does not pack well


def start(program: str, *, data: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    """Start one of our processes, which is expected to end by itself."""
    environment = {**local_environment(os.environ), "MLRELEASE_DATA": str(data), **variables}
    return subprocess.run(
        [sys.executable, "-m", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.mark.parametrize("program", ["app.main", "app.worker"])
def test_database_without_migrations_is_told(program: str, tmp_path: Path) -> None:
    database = tmp_path / "empty.db"

    ended = start(program, data=tmp_path, MLRELEASE_DATABASE_URL=f"sqlite:///{database}")

    assert ended.returncode == 1
    (sentence,) = ended.stderr.strip().splitlines()
    assert sentence.startswith("The database is at revision none")
    assert sentence.endswith("Run `mlrelease migrate` first.")


@pytest.mark.parametrize("program", ["app.main", "app.worker", "app.database"])
def test_database_that_nobody_serves_is_told(program: str, tmp_path: Path) -> None:
    nobody = f"postgresql+psycopg://anna:hunter2@127.0.0.1:{free_port()}/mlrelease"

    ended = start(program, data=tmp_path, MLRELEASE_DATABASE_URL=nobody)

    assert ended.returncode == 1
    (sentence,) = ended.stderr.strip().splitlines()
    assert sentence.startswith("The database does not respond")
    assert "Check MLRELEASE_DATABASE_URL" in sentence
    assert "hunter2" not in sentence


def test_locked_database_is_a_problem_to_try_again(migrated: Path, tmp_path: Path) -> None:
    settings = Settings(
        data=tmp_path, database_url=f"sqlite:///{migrated}", database_busy_seconds=0.3, development_login=True
    )
    with serving(settings) as service, sqlite3.connect(migrated, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        refused = service.client().post("/v1/bundles", content=tar_of(("release.yml", b"model: {}")))
        other.execute("ROLLBACK")
        accepted = service.client().post("/v1/bundles", content=tar_of(("release.yml", b"model: {}")))

    assert (refused.status_code, refused.json()["code"]) == (503, "database_locked")
    assert refused.headers["Retry-After"] == "1"
    assert refused.headers["Content-Type"] == "application/problem+json"
    assert accepted.status_code == 201


def test_full_database_is_a_problem_and_stores_nothing(migrated: Path, tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, database_url=f"sqlite:///{migrated}", development_login=True)
    with serving(settings) as service:
        database = service.service.database
        database.dispose()
        event.listen(database.engine, "connect", _allow_no_more_than(200))
        refused = service.client().post("/v1/bundles", content=BIG_BUNDLE)
        require_disk_problem(service.client(), refused, code="disk_full")
    assert bundles_in(migrated) == 0


def test_disk_that_cannot_be_written_is_a_problem_and_stores_nothing(migrated: Path, tmp_path: Path) -> None:
    with api_process(migrated, tmp_path, largest_file=migrated.stat().st_size + 64 * 1024) as http:
        require_disk_problem(http, http.post("/v1/bundles", content=BIG_BUNDLE), code="disk_unusable")
    assert bundles_in(migrated) == 0


def require_disk_problem(http: httpx.Client, refused: httpx.Response, *, code: str) -> None:
    assert (refused.status_code, refused.json()["code"]) == (503, code), refused.text
    assert "Free some space" in refused.json()["hint"]
    assert http.get("/health/ready").status_code == 200, "what needs no room goes on"


def bundles_in(file: Path) -> int:
    with closing(sqlite3.connect(file)) as database:
        count: int = database.execute("SELECT count(*) FROM bundle").fetchone()[0]
        return count


def _allow_no_more_than(pages: int) -> Callable[[sqlite3.Connection, object], None]:
    return lambda connection, _record: connection.execute(f"PRAGMA max_page_count={pages}").close()


@pytest.fixture
def migrated(migrated_sqlite: Path, tmp_path: Path) -> Path:
    """A migrated SQLite database of this test alone."""
    copy = tmp_path / "mlrelease.db"
    copy.write_bytes(migrated_sqlite.read_bytes())
    return copy


@contextmanager
def api_process(database: Path, data: Path, *, largest_file: int) -> Iterator[httpx.Client]:
    """The API as a process whose files cannot grow beyond a size: to it, the disk is full."""
    port = free_port()
    variables = {
        "MLRELEASE_DATA": str(data),
        "MLRELEASE_PORT": str(port),
        "MLRELEASE_DATABASE_URL": f"sqlite:///{database}",
        "MLRELEASE_DEVELOPMENT_LOGIN": "true",
    }
    limit: Callable[[], None] = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))  # noqa: E731
    with (
        subprocess.Popen(
            [sys.executable, "-m", "app.main"],
            env={**local_environment(os.environ), **variables},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            preexec_fn=limit,
        ) as process,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}", auth=DevelopmentLogin("anna", data), trust_env=False, timeout=60
        ) as http,
    ):
        try:
            until = time.monotonic() + PATIENCE_SECONDS
            while not _answers(http):
                assert process.poll() is None, "the API ended"
                assert time.monotonic() < until
                time.sleep(0.05)
            yield http
        finally:
            process.terminate()


def _answers(http: httpx.Client) -> bool:
    try:
        return http.get("/health/live").is_success
    except httpx.TransportError:
        return False
