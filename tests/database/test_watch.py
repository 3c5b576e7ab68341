"""Threads that wait for work hear of each change, whoever makes it, and of a database that they no longer hear from."""

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from app.database.connection import Database
from app.database.watch import Look
from app.events.work import UnitOfWork
from tests.releases.conftest import ANNA, NOW
from tests.waiting import wait_until


@pytest.fixture
def other(database_url: str) -> Iterator[Database]:
    """As another process has it."""
    other = Database(database_url)
    yield other
    other.dispose()


def change(database: Database) -> None:
    with UnitOfWork(database, ANNA, now=NOW).transaction() as work:
        work.append_event("made.up", subject="x")


def test_it_is_time_to_look_after_each_change_by_others(database: Database, other: Database) -> None:
    look = Look(database.watch, seconds=3600)
    wait_until(lambda: database.watch.count > 0, what="the watch has begun")
    assert look.is_time(), "nobody knows what was changed before"

    for _ in range(2):
        assert not look.is_time()
        change(other)
        wait_until(look.is_time, what="the change is heard of")


def test_it_is_time_to_look_after_a_while_in_any_case(database: Database) -> None:
    look = Look(database.watch, seconds=3600)
    wait_until(lambda: database.watch.count > 0, what="the watch has begun")
    look.is_time()

    assert not look.is_time()
    look.again_in(0.0)
    assert look.is_time()


@pytest.mark.parametrize("database_kind", ["postgresql"], indirect=True)
def test_watch_that_was_cut_off_is_taken_up_again(database: Database, other: Database) -> None:
    wait_until(lambda: database.watch.count > 0, what="the watch has begun")
    with other.write() as session:
        cut_off = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        assert session.connection().execute(text(cut_off)).all() == [(True,)]

    wait_until(lambda: database.watch.count > 2, what="it listens again, and has had everybody look meanwhile")
    look = Look(database.watch, seconds=3600)
    look.is_time()
    change(other)
    wait_until(look.is_time, what="the change is heard of")
