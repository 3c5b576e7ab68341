"""A running service with the model ``churn``, those who call it, and a worker's hands."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import structlog

from app.settings import Settings
from tests.api.playing import apply, ask, definition
from tests.api.serving import Served, serving
from tests.instant import InstantWorker

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"

# For what has nothing to do with the kind of database, or all with one.
on_sqlite = pytest.mark.parametrize("database_kind", ["sqlite"])
on_postgresql = pytest.mark.parametrize("database_kind", ["postgresql"])


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """As lines: the default draws each traceback with all its variables, which takes longer than the test."""
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer()],
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(
        data=tmp_path / "data",
        database_url=database_url,
        MLRELEASE_SUBSCRIPTION=SUBSCRIPTION,
        development_login=True,
    )


@pytest.fixture
def service(settings: Settings) -> Iterator[Served]:
    with serving(settings) as served:
        yield served


@pytest.fixture
def anna(service: Served) -> httpx.Client:
    """A caller of the name anna."""
    return service.client("anna")


@pytest.fixture
def worker(service: Served) -> InstantWorker:
    return InstantWorker(service.service.settings, service.service.database)


@pytest.fixture
def churn(anna: httpx.Client) -> str:
    """The name of a model whose definition was applied: dev, then prod with an approval."""
    answer = apply(anna, definition())
    assert answer.status_code == 201, answer.text
    return "churn"


@pytest.fixture
def release(anna: httpx.Client, churn: str) -> str:
    """The id of a release that was just asked for."""
    asked: str = ask(anna, model=churn)["id"]
    return asked


@pytest.fixture
def planned(release: str, worker: InstantWorker) -> str:
    """The id of a release that is queued for dev."""
    worker.prepare(release)
    return release


@pytest.fixture
def waiting(planned: str, worker: InstantWorker) -> str:
    """The id of a release that serves in dev and waits to be approved for prod."""
    worker.complete(planned, "dev")
    return planned
