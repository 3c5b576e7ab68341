"""What a release costs the database, in statements: seconds depend on the machine that measures them, these do not."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

import pytest
from sqlalchemy import event

from app.database.connection import Database
from app.releases.states import Status
from app.settings import Settings
from tests.api.playing import ask
from tests.guardrails.conftest import plain_logs, platform, service, settings
from tests.guardrails.playing import Platform, stage
from tests.instant import InstantWorker

__all__ = ["plain_logs", "platform", "service", "settings"]

# For a release to one stage that nobody need approve. Its eight steps make nine turns, each of about a dozen statements. Fourteen are
# the serving record's: three steps read back what is there, and one of them finds that the traffic has moved.
MOST_TO_PREPARE = 39
MOST_TO_CARRY_OUT = 127


@pytest.fixture
def worker(settings: Settings) -> Iterator[InstantWorker]:
    """With connections of its own: what the API sends to the database at the same time does not count."""
    database = Database(settings.database)
    yield InstantWorker(settings, database)
    database.dispose()


class Statements:
    """How many a database was sent, by all threads."""

    def __init__(self) -> None:
        self.count = 0
        self._lock = Lock()

    def add(self, *_: Any) -> None:
        with self._lock:
            self.count += 1


@contextmanager
def counted(database: Database) -> Iterator[Statements]:
    statements = Statements()
    event.listen(database.engine, "before_cursor_execute", statements.add)
    try:
        yield statements
    finally:
        event.remove(database.engine, "before_cursor_execute", statements.add)


def released(platform: Platform, worker: InstantWorker) -> tuple[int, int]:
    """The statements that prepared a release and those that carried it out, whose steps end at once."""
    release = ask(platform.anna)["id"]
    with counted(worker.database) as preparing:
        worker.prepare(release)
    with counted(worker.database) as carrying_out:
        worker.carry_out(release, "prod")
    assert worker.status_of(release, "prod") is Status.SUCCEEDED
    return preparing.count, carrying_out.count


def test_release_takes_few_statements_however_many_came_before_it(platform: Platform, worker: InstantWorker) -> None:
    platform.apply(stage())

    costs = [released(platform, worker) for _ in range(4)]

    assert max(prepared for prepared, _ in costs) <= MOST_TO_PREPARE, costs
    assert max(carried_out for _, carried_out in costs) <= MOST_TO_CARRY_OUT, costs
