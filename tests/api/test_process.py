"""The API as a process of its own: how it starts, refuses to start, and stops."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import text

from app.cli.development_login import DevelopmentLogin
from app.database.connection import Database
from app.errors import Misconfigured
from app.local.ports import free_port
from app.main import create_app
from app.settings import Settings
from tests.api.conftest import on_sqlite
from tests.api.playing import apply, ask, definition
from tests.waiting import wait_until

ROOT = Path(__file__).parents[2]
START_SECONDS = 120.0


@contextmanager
def api(folder: Path, *options: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
    """``python -m app.main`` with these settings; killed at the end if it still runs."""
    process = subprocess.Popen(
        [sys.executable, *options, "-m", "app.main"],
        stderr=(folder / "stderr").open("w"),
        stdout=subprocess.DEVNULL,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MLRELEASE_DATA": str(folder / "data"), **variables},
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def refusal(folder: Path, **variables: str) -> str:
    """What it says when it refuses to start."""
    with api(folder, **variables) as process:
        assert process.wait(START_SECONDS) == 1
    return (folder / "stderr").read_text()


def test_database_without_tables_is_said_in_one_sentence(empty_database_url: str, tmp_path: Path) -> None:
    said = refusal(tmp_path, MLRELEASE_DATABASE_URL=empty_database_url, MLRELEASE_PORT=str(free_port()))

    assert said.startswith("The database is at revision none, this version needs ")
    assert said.endswith("Run `mlrelease migrate` first.\n")
    assert said.count("\n") == 1


SERVE_EACH = """
import json, os, sys
from app.errors import MlreleaseError
from app.main import serve

for variables in json.load(sys.stdin):
    os.environ.update(variables)
    try:
        serve()
    except MlreleaseError as refusal:
        print(refusal)
    for name in variables:
        os.environ.pop(name, None)  # what is secret among them, the service forgot
"""


@on_sqlite
def test_what_prevents_the_start_is_said_in_one_sentence(database_url: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        cases = {
            f"Port {port} of 127.0.0.1 is in use. Stop the program that uses it, or set MLRELEASE_PORT.": {
                "MLRELEASE_PORT": port
            },
            "MLRELEASE_HOST is 0.0.0.0, but MLRELEASE_DEVELOPMENT_LOGIN accepts any name": {
                "MLRELEASE_HOST": "0.0.0.0",  # noqa: S104 # refused
                "MLRELEASE_DEVELOPMENT_LOGIN": "true",
            },
            "MLRELEASE_BEHIND_PROXY or MLRELEASE_PUBLIC_URL is set, but": {
                "MLRELEASE_BEHIND_PROXY": "true",
                "MLRELEASE_DEVELOPMENT_LOGIN": "true",
            },
            "The settings are wrong: MLRELEASE_PORT": {"MLRELEASE_PORT": "x", "MLRELEASE_POLL_SECONDS": "0"},
            "The settings are wrong: MLRELEASE_DATABASE_URL": {"MLRELEASE_DATABASE_URL": "mysql://x"},
            "The database does not respond (connection failed": {
                "MLRELEASE_DATABASE_URL": "postgresql+psycopg://nobody:secret@127.0.0.1:1/none"
            },
            "The database does not respond (unable to open": {
                "MLRELEASE_DATABASE_URL": f"sqlite:///{tmp_path}/nowhere/m.db"
            },
        }
        ended = subprocess.run(
            [sys.executable, "-c", SERVE_EACH],
            input=json.dumps([{"MLRELEASE_DATABASE_URL": database_url, **each} for each in cases.values()]),
            capture_output=True,
            text=True,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            timeout=START_SECONDS,
            check=False,
        )

    said = ended.stdout.splitlines()
    assert len(said) == len(cases), ended.stderr
    for sentence, start in zip(said, cases, strict=True):
        assert sentence.startswith(start)
        assert "secret" not in sentence


@on_sqlite
def test_process_serves_without_azure_and_scikit_learn_and_stops_when_told(database_url: str, tmp_path: Path) -> None:
    port = free_port()
    variables = {
        "MLRELEASE_DATABASE_URL": database_url,
        "MLRELEASE_PORT": str(port),
        "MLRELEASE_DEVELOPMENT_LOGIN": "true",
        "AZURE_SUBSCRIPTION_ID": "s",
    }
    with (
        api(tmp_path, "-X", "importtime", **variables) as process,
        httpx.Client(
            base_url=f"http://127.0.0.1:{port}",
            auth=DevelopmentLogin("anna", tmp_path / "data"),
            trust_env=False,
            timeout=60,
        ) as anna,
        ThreadPoolExecutor(2) as pool,
    ):

        def ready() -> bool:
            assert process.poll() is None, (tmp_path / "stderr").read_text()[-2000:]
            try:
                return anna.get("/health/ready").is_success
            except httpx.ConnectError:
                return False

        wait_until(ready, what="the process is ready", seconds=START_SECONDS)
        apply(anna, definition())
        release = ask(anna, model="churn")["id"]
        path = f"/v1/releases/{release}"
        etag = anna.get(path).headers["ETag"]
        poll = pool.submit(anna.get, path, params={"wait": 110}, headers={"If-None-Match": etag}, timeout=80)
        stream = pool.submit(anna.get, f"{path}/events", headers={"Accept": "text/event-stream"}, timeout=80)
        time.sleep(1.0)  # until both wait: nothing tells that to the outside
        assert not poll.done()

        process.send_signal(signal.SIGTERM)

        assert poll.result().status_code == 304
        assert "release.created" in stream.result().text
        assert process.wait(START_SECONDS) in (0, -signal.SIGTERM)
    imported = {line.rpartition("|")[2].strip() for line in (tmp_path / "stderr").read_text().splitlines()}
    assert "app.main" in imported or "app.api.releases" in imported
    roots = {name.partition(".")[0] for name in imported}
    assert roots.isdisjoint({"azure", "sklearn", "msal", "numpy", "scipy", "training", "emulator"})


def test_schema_of_a_newer_version_is_not_served(database: Database, tmp_path: Path) -> None:
    with database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Misconfigured, match="a newer version migrated it"):
        create_app(Settings(data=tmp_path, database_url=database.url))
