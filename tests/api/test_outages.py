"""A database that is locked or away: a clear answer meanwhile, and no restart afterwards."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Connection, create_engine, make_url, text
from sqlalchemy.exc import TimeoutError as NoFreeConnection

from app.settings import Settings
from tests.api.conftest import SUBSCRIPTION, on_postgresql
from tests.api.locking import writing
from tests.api.playing import as_json
from tests.api.serving import Served, problem_of
from tests.instant import InstantWorker
from tests.waiting import wait_until

pytestmark = pytest.mark.both_databases


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path / "data",
        database_url=database_url,
        database_busy_seconds=0.3,
        development_login=True,
        MLRELEASE_SUBSCRIPTION=SUBSCRIPTION,
    )


@contextmanager
def closed(server: str, url: str) -> Iterator[None]:
    """Nobody is let into this database any more, and who was in is thrown out."""
    name = make_url(url).database
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    thrown_out = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
    with engine.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        connection.execute(thrown_out, {"name": name})
        try:
            yield
        finally:
            connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    engine.dispose()


def test_locked_database_is_a_503_and_leaves_nothing(
    anna: httpx.Client, churn: str, database_url: str, worker: InstantWorker
) -> None:
    with writing(database_url):
        refused = anna.post("/v1/releases", json={"model": churn, "job": "j"}, headers={"Idempotency-Key": "k"})
        assert problem_of(refused, 503, "database_locked")["hint"]
        assert refused.headers["Retry-After"] == "1"
        assert as_json(anna.get("/v1/releases"))["items"] == []  # who only reads is let in

    assert anna.post("/v1/releases", json={"model": churn, "job": "j"}, headers={"Idempotency-Key": "k"}).is_success
    assert as_json(anna.get("/v1/releases"))["items"][0]["number"] == 1
    worker.prepare("churn-1")


@on_postgresql
def test_database_that_is_away_is_a_503_until_it_is_back(
    anna: httpx.Client, planned: str, database_url: str, postgresql: str, worker: InstantWorker
) -> None:
    with closed(postgresql, database_url):
        for answer in (
            anna.get("/v1/releases"),
            anna.get(f"/v1/releases/{planned}", headers={"If-None-Match": '"1"'}),
            anna.post(f"/v1/releases/{planned}/cancel", json={}),
            anna.get("/health/ready"),
        ):
            assert "MLRELEASE_DATABASE_URL" in problem_of(answer, 503, "database_unreachable")["hint"]
            assert answer.headers["Retry-After"] == "1"
        assert anna.get("/health/live").status_code == 200

    assert anna.get("/health/ready").status_code == 200
    assert as_json(anna.get(f"/v1/releases/{planned}"))["status"] == "queued"
    worker.complete(planned, "dev")


@on_postgresql
def test_waiting_poll_outlives_a_database_that_is_away(
    anna: httpx.Client, planned: str, database_url: str, postgresql: str, service: Served, worker: InstantWorker
) -> None:
    etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(
            anna.get, f"/v1/releases/{planned}", params={"wait": 100}, headers={"If-None-Match": etag}, timeout=120
        )
        wait_until(lambda: service.waiting == 1, what="somebody waits")
        with closed(postgresql, database_url):
            threading.Event().wait(0.5)  # some looks that see nothing
            assert not poll.done()
        with worker.under_way(planned, "dev"):
            assert as_json(poll.result())["status"] == "in_progress"


def test_crowd_larger_than_the_pool_is_a_503_and_no_500(anna: httpx.Client, service: Served) -> None:
    engine = service.service.database.engine
    patience = engine.pool._timeout  # type: ignore[attr-defined] # a pool that counts
    engine.pool._timeout = 0.2  # type: ignore[attr-defined] # thirty seconds are long for a test
    held: list[Connection] = []
    try:
        while len(held) < 40:
            try:
                held.append(engine.connect())
            except NoFreeConnection:
                break
        problem_of(anna.get("/v1/releases"), 503, "database_busy")
    finally:
        engine.pool._timeout = patience  # type: ignore[attr-defined] # as it was
        for connection in held:
            connection.close()

    assert anna.get("/v1/releases").status_code == 200
