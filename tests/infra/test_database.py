"""The database as the templates have it: logins by token, and a role for each process that may do what it needs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from app.api.first_token import first_token
from app.database.connection import Database
from app.database.migrate import migrate
from app.database.opening import open_database
from app.database.revision import check_schema
from app.errors import Misconfigured, Unavailable
from app.execution.engine import engine_config
from app.settings import Settings, read_settings
from tests.emulator.running import RunningEmulator, running_emulator
from tests.infra.deployed import FOLDER
from tests.postgresql import PostgresServer, running_postgresql
from tests.waiting import wait_until

API, WORKER, MIGRATE = "id-mlrelease-api", "id-mlrelease-worker", "id-mlrelease-migrate"
# Azure's own, which makes a role for an identity; here it logs in as the server's rules below say.
_PGAADAUTH = """
CREATE FUNCTION pgaadauth_create_principal(name text, is_admin boolean, is_mfa boolean) RETURNS text LANGUAGE plpgsql AS $$
BEGIN EXECUTE format('CREATE ROLE %I LOGIN', name); RETURN name; END $$;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """With the roles of database.sql; the API has to say a password, as with Azure."""
    with running_postgresql() as running:
        rules = running.data / "pg_hba.conf"
        rules.write_text(f'local all "{API}" scram-sha-256\n' + rules.read_text())
        running.server.psql("CREATE DATABASE mlrelease; SELECT pg_reload_conf();" + _PGAADAUTH)
        running.server.psql("\\set ON_ERROR_STOP on\n" + (FOLDER / "database.sql").read_text())
        yield running


@pytest.fixture(scope="module")
def migrated(server: PostgresServer) -> PostgresServer:
    database = Database(_url(server, MIGRATE))
    migrate(database, role="mlrelease_service")
    migrate(database, role="mlrelease_service")  # as an upgrade does
    database.dispose()
    return server


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    with running_emulator(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture
def emulator(running: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> RunningEmulator:
    """This process has its owner's identity."""
    for name, value in running.environment.items():
        monkeypatch.setenv(name, value)
    return running


@pytest.fixture(autouse=True)
def _engines_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a real process: logins are listened for at an engine's dialect, which tests' engines share otherwise."""
    monkeypatch.setattr("app.database.engines.create_engine", create_engine)


def test_the_api_logs_in_with_a_token_for_each_connection(
    migrated: PostgresServer, emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    emulator.delay(token=60)  # shorter than tokens are kept: there is a new one for each connection
    monkeypatch.setenv("MLRELEASE_DATABASE_URL", _url(migrated, API))
    monkeypatch.setenv("MLRELEASE_DATABASE_LOGIN", "entra")
    settings = read_settings()
    database = open_database(settings)
    assert database.password is not None
    assert database.password() != database.password()
    with pytest.raises(Unavailable, match="password authentication failed"), database.read() as session:
        session.connection()
    emulator.delay(token=3600)
    _set_password(migrated, token := database.password())
    assert token == database.password(), "a token is kept while it is good"
    check_schema(database)
    assert first_token(database, "anna", now=database.now()).startswith("mlr_")
    engine = engine_config(settings, database, executor="x")["system_database_engine"]
    assert engine is not None
    with engine.connect() as connection:
        assert connection.execute(text("SELECT current_user")).scalar() == API
    engine.dispose()
    with pytest.raises(ProgrammingError, match="permission denied"), database.engine.begin() as connection:
        connection.execute(text("CREATE TABLE mine (id int)"))
    database.dispose()


@pytest.mark.usefixtures("emulator")
def test_a_refused_identity_is_told_with_what_to_check(
    migrated: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_CLIENT_SECRET", "wrong")
    settings = Settings(_env_file=None, database_url=_url(migrated, API), database_login="entra")
    database = open_database(settings)

    with pytest.raises(Unavailable, match="gives no token for the database") as refused, database.read() as session:
        session.connection()

    assert refused.value.code == "database_token_refused"
    assert "AZURE_CLIENT_ID" in (refused.value.hint or "")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("", "entra needs MLRELEASE_DATABASE_URL"),
        ("sqlite:///a.db", "entra needs MLRELEASE_DATABASE_URL"),
        ("postgresql+psycopg://a:secret@host/b?sslmode=verify-full", "without a password"),
        ("postgresql+psycopg://host/b?sslmode=verify-full", "IDENTITY@HOST"),
        ("postgresql+psycopg://a@host/b", "sslmode=verify-full"),
        ("postgresql+psycopg://a@host/b?sslmode=require", "sslmode=verify-full"),
    ],
)
def test_a_token_is_sent_to_nobody_but_the_server(url: str, sentence: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLRELEASE_DATABASE_URL", url)
    monkeypatch.setenv("MLRELEASE_DATABASE_LOGIN", "entra")

    with pytest.raises(Misconfigured, match=sentence) as refused:
        read_settings()

    assert "MLRELEASE_DATABASE_LOGIN" in refused.value.sentence


@pytest.mark.slow
@pytest.mark.usefixtures("emulator")
def test_a_worker_works_with_the_rights_of_its_role(migrated: PostgresServer, tmp_path: Path) -> None:
    ready, log = tmp_path / "ready", tmp_path / "worker.log"
    with log.open("wb") as output:
        worker = subprocess.Popen(
            [sys.executable, "-m", "app.worker"],
            env={
                **os.environ,
                "MLRELEASE_DATABASE_URL": _url(migrated, WORKER),
                "MLRELEASE_DATABASE_LOGIN": "entra",
                "MLRELEASE_READY_FILE": str(ready),
                "MLRELEASE_DATA": str(tmp_path / "data"),
            },
            stdout=output,
            stderr=output,
        )
    try:
        wait_until(lambda: ready.exists() or worker.poll() is not None, what="the worker is ready")
        assert worker.poll() is None, log.read_text()
    finally:
        worker.terminate()
    assert worker.wait(30) == 0
    assert "permission denied" not in log.read_text()


def _url(server: PostgresServer, user: str) -> str:
    url = make_url(server.url).set(username=user, password=None, database="mlrelease")
    return url.render_as_string(hide_password=False)


def _set_password(server: PostgresServer, token: str) -> None:
    """What Azure's server would read out of the token is a password here: the role of that name, and nobody else, knows it."""
    server.server.psql(f"ALTER ROLE \"{API}\" PASSWORD '{token}';")
