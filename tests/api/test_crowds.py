"""Many at once: who writes, who waits and who only pretends leave threads, connections and memory to those who read."""

import asyncio
import resource
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from app.database.concurrency import MOST_WRITES
from app.settings import Settings
from tests.api.conftest import on_sqlite
from tests.api.locking import writing
from tests.api.serving import Served, busy_threads, problem_of
from tests.waiting import wait_until

pytestmark = pytest.mark.both_databases

WRITERS = 60
WAITERS = 2000


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"database_busy_seconds": 60.0})


def test_held_chain_leaves_reading_to_everybody_else(
    anna: httpx.Client, planned: str, database_url: str, service: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.concurrency.WAIT_SECONDS", 60.0)
    with ThreadPoolExecutor(WRITERS) as pool:
        with writing(database_url):
            writes = [
                pool.submit(anna.post, f"/v1/releases/{planned}/pause", json={"reason": f"{number}"})
                for number in range(WRITERS)
            ]
            wait_until(lambda: service.inside(busy_threads) >= MOST_WRITES, what="all turns are taken")
            wait_until(lambda: len(service.connections()) >= WRITERS, what="all have come")

            for _ in range(20):
                assert anna.get(f"/v1/releases/{planned}").status_code == 200
                assert anna.get("/health/ready").status_code == 200

            assert service.inside(busy_threads) <= MOST_WRITES
            assert not any(each.done() for each in writes)
        answers = [each.result().status_code for each in writes]
    assert answers.count(200) >= 1, answers
    assert set(answers) <= {200, 409}


def test_who_waits_too_long_for_a_turn_to_write_is_sent_away(
    anna: httpx.Client, planned: str, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.database.concurrency.WAIT_SECONDS", 0.2)
    with ThreadPoolExecutor(WRITERS) as pool, writing(database_url):
        writes = [
            pool.submit(anna.post, f"/v1/releases/{planned}/pause", json={"reason": f"{number}"})
            for number in range(WRITERS)
        ]
        wait_until(
            lambda: sum(each.done() for each in writes) == WRITERS - MOST_WRITES, what="the others were sent away"
        )
        for refused in (each.result() for each in writes if each.done()):
            assert refused.headers["Retry-After"] == "1"
            problem_of(refused, 503, "too_many_writes")
    assert anna.post(f"/v1/releases/{planned}/pause", json={}).status_code in {200, 409}, "turns are given back"


@on_sqlite
def test_thousands_who_are_woken_at_once_leave_every_other_request_its_turn(
    anna: httpx.Client, planned: str, service: Served
) -> None:
    etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]
    host, port = service.url.removeprefix("http://").split(":")
    poll = (
        f"GET /v1/releases/{planned}?wait=110 HTTP/1.1\r\nHost: {host}\r\nMlrelease-Actor: anna\r\n"
        f"Authorization: Bearer {service.development_token}\r\n"
        f"If-None-Match: {etag}\r\nConnection: close\r\n\r\n"
    ).encode()
    answered: list[bytes] = []

    async def wait() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(poll)
        answered.append(await reader.read())
        writer.close()

    def read_meanwhile() -> list[int]:
        """How many of those who waited were answered while each of these requests was."""
        passed = []
        while not answered:
            assert anna.get("/health/ready").status_code == 200
        while len(answered) < WAITERS:
            for path in ("/health/ready", f"/v1/releases/{planned}"):
                before = len(answered)
                assert anna.get(path).status_code == 200
                passed.append(len(answered) - before)
        return passed

    async def scenario() -> list[int]:
        tasks = [asyncio.create_task(wait()) for _ in range(WAITERS)]
        while service.waiting < WAITERS:
            assert not answered, answered[:1]
            await asyncio.sleep(0.05)
        cancelled = await asyncio.to_thread(anna.post, f"/v1/releases/{planned}/cancel", json={})
        assert cancelled.status_code == 200
        passed = await asyncio.to_thread(read_meanwhile)
        await asyncio.gather(*tasks)
        return passed

    with many_files():
        passed = asyncio.run(scenario())

    assert all(answer.startswith(b"HTTP/1.1 200") for answer in answered)
    assert passed
    assert max(passed) < WAITERS / 4, passed


@contextmanager
def many_files() -> Iterator[None]:
    """Both ends of thousands of connections are in this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 3 * WAITERS
    if hard != resource.RLIM_INFINITY and hard < wanted:
        pytest.skip(f"this machine lets a process have {hard} files only")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
