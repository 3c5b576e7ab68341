"""Polling a release: ETags, and waiting for a change without holding anything."""

import asyncio
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest
from sqlalchemy import text

from app.releases.states import Status
from app.settings import Settings
from tests.api.conftest import on_sqlite
from tests.api.playing import Worker, apply, as_json, ask, definition
from tests.api.serving import Served, busy_threads, serving, statements
from tests.waiting import wait_until

MANY = 200


def test_unchanged_release_is_a_304_from_one_row_by_its_key(
    anna: httpx.Client, service: Served, waiting: str, database_kind: str
) -> None:
    etag = anna.get(f"/v1/releases/{waiting}").headers["ETag"]

    with statements(service.service.database.engine) as seen:
        answer = anna.get(f"/v1/releases/{waiting}", headers={"If-None-Match": etag})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == etag
    (statement,) = seen
    assert statement.split("FROM")[1].split() == ["release", "WHERE", "release.id", "=", statement.split()[-1]]
    if database_kind == "sqlite":
        with service.service.database.read() as session:
            explain = text("EXPLAIN QUERY PLAN " + statement.replace("?", ":id"))
            plan = session.connection().execute(explain, {"id": waiting}).all()
        assert "SEARCH release USING INDEX sqlite_autoindex_release_1 (id=?)" in str(plan)


def test_changed_release_is_answered_whole_with_another_etag(anna: httpx.Client, planned: str, worker: Worker) -> None:
    before = anna.get(f"/v1/releases/{planned}")
    worker.move(planned, "dev", Status.IN_PROGRESS)

    after = anna.get(f"/v1/releases/{planned}", headers={"If-None-Match": before.headers["ETag"]})

    assert as_json(after)["status"] == "in_progress"
    assert after.headers["ETag"] != before.headers["ETag"]


def test_etag_is_recognised_as_proxies_hand_it_on(anna: httpx.Client, planned: str) -> None:
    """One that compresses makes it weak; a cache may ask for several."""
    etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]

    for form in (f"W/{etag}", f'"0", {etag}', f'W/"0",W/{etag}'):
        assert anna.get(f"/v1/releases/{planned}", headers={"If-None-Match": form}).status_code == 304, form
    for form in ('"0"', "nonsense", etag.strip('"')):
        assert anna.get(f"/v1/releases/{planned}", headers={"If-None-Match": form}).status_code == 200, form


def test_waiting_poll_answers_when_something_changes(anna: httpx.Client, planned: str, worker: Worker) -> None:
    moves = [Status.IN_PROGRESS, Status.SUCCEEDED]
    delays = []
    for status in moves:
        etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]
        with ThreadPoolExecutor(1) as pool:
            poll = pool.submit(_poll, anna, planned, etag, wait=60)
            time.sleep(0.3)  # it is to wait for a while
            assert not poll.done()
            worker.move(planned, "dev", status)
            changed = time.monotonic()
            answer = poll.result()
            delays.append(time.monotonic() - changed)
        assert as_json(answer)["rollouts"][0]["status"] == status.value
    # The other processes of a busy machine may hold one of them up.
    assert min(delays) < 0.6, delays


def test_change_before_the_poll_is_answered_at_once(anna: httpx.Client, planned: str, worker: Worker) -> None:
    etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]
    worker.move(planned, "dev", Status.IN_PROGRESS)

    begun = time.monotonic()
    answer = _poll(anna, planned, etag, wait=60)

    assert answer.status_code == 200
    assert time.monotonic() - begun < 20


def test_poll_without_an_etag_does_not_wait(anna: httpx.Client, planned: str) -> None:
    begun = time.monotonic()

    assert anna.get(f"/v1/releases/{planned}", params={"wait": 60}).status_code == 200
    assert time.monotonic() - begun < 20


def test_poll_that_waited_in_vain_is_a_304(anna: httpx.Client, planned: str) -> None:
    etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]

    begun = time.monotonic()
    answer = _poll(anna, planned, etag, wait=0.4)

    assert (answer.status_code, answer.headers["ETag"]) == (304, etag)
    assert 0.4 <= time.monotonic() - begun < 20


@on_sqlite
@pytest.mark.parametrize("wait", ["-1", "121", "nan", "inf", "soon", "1e400"])
def test_wait_that_makes_no_sense_is_refused(anna: httpx.Client, planned: str, wait: str) -> None:
    answer = anna.get(f"/v1/releases/{planned}", params={"wait": wait}, headers={"If-None-Match": '"1"'})

    assert answer.status_code == 422, answer.text


def test_change_of_another_release_wakes_nobody(anna: httpx.Client, planned: str, worker: Worker) -> None:
    other = ask(anna, model="churn")["id"]
    etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]

    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(_poll, anna, planned, etag, wait=1.0)
        worker.fail_to_plan(other)
        assert poll.result().status_code == 304


def test_many_waiting_polls_hold_no_thread_and_no_connection(planned: str, service: Served, worker: Worker) -> None:
    engine = service.service.database.engine

    async def wait_at_once() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=MANY)
        async with httpx.AsyncClient(
            base_url=service.url, auth=service.login(), limits=limits, timeout=120, trust_env=False
        ) as caller:
            etag = (await caller.get(f"/v1/releases/{planned}")).headers["ETag"]
            polls = [
                asyncio.create_task(
                    caller.get(f"/v1/releases/{planned}", params={"wait": 110}, headers={"If-None-Match": etag})
                )
                for _ in range(MANY)
            ]
            while service.waiting < MANY:
                assert not any(poll.done() for poll in polls), [poll.result().text for poll in polls if poll.done()]
                await asyncio.sleep(0.02)
            # One of each is the watcher's, for the moment that it looks.
            assert engine.pool.checkedout() <= 1  # type: ignore[attr-defined] # a pool that counts
            assert service.inside(busy_threads) <= 1
            assert threading.active_count() < 80
            worker.move(planned, "dev", Status.IN_PROGRESS)
            return await asyncio.gather(*polls)

    answers = asyncio.run(wait_at_once())

    assert [answer.status_code for answer in answers] == [200] * MANY
    assert len({answer.headers["ETag"] for answer in answers}) == 1
    assert service.waiting == 0


def test_poll_whose_caller_has_gone_is_forgotten_when_its_time_is_over(
    anna: httpx.Client, service: Served, planned: str
) -> None:
    etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]

    with pytest.raises(httpx.ReadTimeout):
        anna.get(f"/v1/releases/{planned}", params={"wait": 1.5}, headers={"If-None-Match": etag}, timeout=0.5)

    wait_until(lambda: service.waiting == 0, what="nobody waits")


def test_stopping_service_lets_waiting_polls_and_streams_go(settings: Settings) -> None:
    with serving(settings) as served, ThreadPoolExecutor(2) as pool:
        anna = served.client()
        apply(anna, definition())
        release = ask(anna, model="churn")["id"]
        etag = anna.get(f"/v1/releases/{release}").headers["ETag"]
        poll: Future[httpx.Response] = pool.submit(_poll, anna, release, etag, wait=100)
        stream = pool.submit(
            anna.get, f"/v1/releases/{release}/events", headers={"Accept": "text/event-stream"}, timeout=100
        )
        wait_until(lambda: served.waiting == 2, what="both wait")

        begun = time.monotonic()
        served.ask_to_stop()

        assert poll.result().status_code == 304
        assert "event: release.created" in stream.result().text
        served.wait_until_stopped()
        assert time.monotonic() - begun < 20


def _poll(client: httpx.Client, release: str, etag: str, *, wait: float) -> httpx.Response:
    return client.get(
        f"/v1/releases/{release}", params={"wait": wait}, headers={"If-None-Match": etag}, timeout=wait + 60
    )
