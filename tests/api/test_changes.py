"""Waking those who wait: no change falls between reading a revision and waiting for the next."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from app.api import changes as changes_module
from app.api import poll_reader
from app.api.changes import Changes
from app.api.poll_reader import PollReader
from app.database.connection import Database
from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.releases.queries import get_release
from app.releases.service import record
from tests.api.serving import statements
from tests.releases.conftest import NOW, a_release

pytestmark = pytest.mark.both_databases


@asynccontextmanager
async def watching(changes: Changes) -> AsyncIterator[None]:
    task = asyncio.create_task(changes.watch())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def reader(database: Database) -> Iterator[PollReader]:
    reader = PollReader(database)
    yield reader
    reader.close()


@pytest.fixture
def release(database: Database) -> str:
    with UnitOfWork(database, SERVICE).transaction() as work:
        return a_release(work).id


def revise(database: Database, release_id: str) -> None:
    with UnitOfWork(database, SERVICE, now=NOW).transaction() as work:
        record(work, get_release(work, release_id), "release.noted", subject=release_id, data={})


def revision(database: Database, release_id: str) -> int:
    with database.read() as session:
        return get_release(session, release_id).revision


def test_change_between_reading_and_waiting_is_not_missed(reader: PollReader, database: Database, release: str) -> None:
    async def scenario() -> int | None:
        changes = Changes(reader)
        async with watching(changes):
            known = revision(database, release)
            revise(database, release)  # before anybody waits for it
            return await changes.wait(release, known, seconds=30)

    assert asyncio.run(scenario())


def test_change_at_any_moment_of_a_look_is_not_missed(reader: PollReader, database: Database, release: str) -> None:
    """Changes and waits in quick turns, each wait begun at another moment of the watcher's round."""

    async def scenario() -> int:
        changes = Changes(reader)
        async with watching(changes):
            for turn in range(12):
                known = revision(database, release)
                waiting = asyncio.create_task(changes.wait(release, known, seconds=30))
                await asyncio.sleep(turn * changes_module.POLL_SECONDS / 9)
                await asyncio.to_thread(revise, database, release)
                assert await waiting, f"the change of turn {turn} was missed"
            return len(changes)

    assert asyncio.run(scenario()) == 0


def test_nobody_waits_and_nothing_is_asked(reader: PollReader, database: Database) -> None:
    async def scenario() -> None:
        changes = Changes(reader)
        async with watching(changes):
            await asyncio.sleep(3 * changes_module.POLL_SECONDS)

    with statements(database.engine) as seen:
        asyncio.run(scenario())

    assert seen == []


def test_look_that_breaks_is_not_the_last(
    reader: PollReader, database: Database, release: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken: list[bool] = []

    look = reader._look

    def break_once(releases: Any, hashes: Any) -> Any:
        if not broken:
            broken.append(True)
            raise RuntimeError("nobody foresaw this")
        return look(releases, hashes)

    monkeypatch.setattr(reader, "_look", break_once)

    async def scenario() -> int | None:
        changes = Changes(reader)
        async with watching(changes):
            known = revision(database, release)
            revise(database, release)
            return await changes.wait(release, known, seconds=30)

    assert asyncio.run(scenario())
    assert broken


def test_closing_lets_everybody_go_and_lets_nobody_wait_again(
    reader: PollReader, database: Database, release: str
) -> None:
    async def scenario() -> float:
        changes = Changes(reader)
        async with watching(changes):
            known = revision(database, release)
            waiting = [asyncio.create_task(changes.wait(release, known, seconds=60)) for _ in range(5)]
            while len(changes) < 5:
                await asyncio.sleep(0)
            begun = time.monotonic()
            changes.close()
            await asyncio.gather(*waiting)
            assert not await changes.wait(release, known, seconds=60)
            return time.monotonic() - begun

    assert asyncio.run(scenario()) < 20


def test_who_was_woken_is_read_for_however_many_come_anew(reader: PollReader, release: str) -> None:
    """Thousands who poll without a pause ask again as soon as they have their answer."""

    async def scenario() -> int:
        async def poll() -> None:
            while True:
                await reader.read([release])

        pollers = [asyncio.create_task(poll()) for _ in range(4 * poll_reader.MOST_TOGETHER)]
        await asyncio.sleep(0)
        async with asyncio.timeout(60):
            seen = await asyncio.gather(
                *(reader.read([release], has_waited=True) for _ in range(2 * poll_reader.FOR_WOKEN))
            )
        for each in pollers:
            each.cancel()
        await asyncio.gather(*pollers, return_exceptions=True)
        return len(seen)

    assert asyncio.run(scenario()) == 2 * poll_reader.FOR_WOKEN


def test_what_nobody_changes_is_read_once_however_many_wait(
    reader: PollReader, database: Database, release: str
) -> None:
    """Those who wait for the same change and for none: while nothing happens only the chain's end is looked at."""

    async def scenario() -> list[int | None]:
        changes = Changes(reader)
        async with watching(changes):
            known = await asyncio.to_thread(revision, database, release)
            waiting = [asyncio.create_task(changes.wait(release, known, seconds=30)) for _ in range(20)]
            waiting += [asyncio.create_task(changes.wait(f"none-{n}", 0, seconds=30)) for n in range(20)]
            await asyncio.sleep(5 * changes_module.POLL_SECONDS)
            with statements(database.engine) as seen:
                await asyncio.sleep(5 * changes_module.POLL_SECONDS)
            assert seen
            assert all("FROM event " in each for each in seen)
            await asyncio.to_thread(revise, database, release)
            return await asyncio.gather(*waiting[:20])

    assert all(asyncio.run(scenario()))
