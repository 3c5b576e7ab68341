"""A worker's tools over an empty database, with no service beside it."""

from pathlib import Path

import pytest

from app.database.connection import Database
from app.execution.context import WorkerContext
from app.logs import set_up_logs
from app.settings import Settings
from tests.instant import Hands, open_worker


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def worker(database: Database, tmp_path: Path, hands: Hands) -> WorkerContext:
    set_up_logs("json")  # for people, tracebacks are painted: that takes most of a test's time
    return open_worker(Settings(data=tmp_path, database_url=database.url), database, hands)
