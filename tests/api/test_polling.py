"""Polling a release: ETags, and waiting for a change without holding anything."""

import asyncio
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor

import httpx
import pytest

from app.settings import Settings
from tests.api.conftest import on_sqlite
from tests.api.playing import apply, as_json, ask, definition
from tests.api.serving import Served, busy_threads, serving, statements
from tests.instant import InstantWorker
from tests.waiting import wait_until

MANY = 200
LONG = 110.0  # seconds that a poll would wait
PATIENCE = 80.0  # seconds after which whoever polls gives up: before that wait is over


@pytest.mark.both_databases
def test_unchanged_release_is_a_304_from_one_row_by_its_key(
    anna: httpx.Client, service: Served, waiting: str, database_kind: str
) -> None:
    etag = anna.get(f"/v1/releases/{waiting}").headers["ETag"]

    with statements(service.service.database.engine) as seen:
        answer = anna.get(f"/v1/releases/{waiting}", headers={"If-None-Match": etag})

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["ETag"] == etag
    (statement,) = seen
    assert statement.count("FROM release") == 1
    if database_kind == "sqlite":
        with service.service.database.read() as session:
            nobody = ("[]", "[]")
            plan = session.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", nobody).all()
        assert "SEARCH release USING INDEX sqlite_autoindex_release_1 (id=?)" in str(plan)
        assert "SEARCH api_token USING INDEX" in str(plan)


def test_changed_release_is_answered_whole_with_another_etag(
    anna: httpx.Client, planned: str, worker: InstantWorker
) -> None:
    before = anna.get(f"/v1/releases/{planned}")

    with worker.under_way(planned, "dev"):
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


def test_waiting_poll_answers_when_something_changes(
    anna: httpx.Client, planned: str, service: Served, worker: InstantWorker
) -> None:
    etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]
    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(_poll, anna, planned, etag, wait=LONG)
        wait_until(lambda: service.waiting == 1, what="the poll waits")
        with worker.under_way(planned, "dev"):
            answer = poll.result()

    assert as_json(answer)["rollouts"][0]["status"] == "in_progress"
    assert answer.headers["ETag"] != etag


def test_change_before_the_poll_is_answered_at_once(anna: httpx.Client, planned: str, worker: InstantWorker) -> None:
    etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]
    worker.complete(planned, "dev")

    assert as_json(_poll(anna, planned, etag, wait=LONG))["status"] == "pending_approval"


def test_poll_without_an_etag_does_not_wait(anna: httpx.Client, planned: str) -> None:
    answer = anna.get(f"/v1/releases/{planned}", params={"wait": LONG}, timeout=PATIENCE)

    assert as_json(answer)["id"] == planned


def test_poll_that_waited_in_vain_is_a_304(anna: httpx.Client, planned: str) -> None:
    etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]

    begun = time.monotonic()
    answer = _poll(anna, planned, etag, wait=0.4)

    assert (answer.status_code, answer.headers["ETag"]) == (304, etag)
    assert time.monotonic() - begun >= 0.4


@on_sqlite
@pytest.mark.parametrize("wait", ["-1", "121", "nan", "inf", "soon", "1e400"])
def test_wait_that_makes_no_sense_is_refused(anna: httpx.Client, planned: str, wait: str) -> None:
    answer = anna.get(f"/v1/releases/{planned}", params={"wait": wait}, headers={"If-None-Match": '"1"'})

    assert answer.status_code == 422, answer.text


def test_change_of_another_release_wakes_nobody(
    anna: httpx.Client, planned: str, service: Served, worker: InstantWorker
) -> None:
    other = ask(anna, model="churn")["id"]
    etag = anna.get(f"/v1/releases/{planned}").headers["ETag"]

    with ThreadPoolExecutor(1) as pool:
        poll = pool.submit(_poll, anna, planned, etag, wait=1.0)
        wait_until(lambda: service.waiting == 1, what="the poll waits")
        worker.prepare_in_vain(other)
        assert poll.result().status_code == 304


@pytest.mark.both_databases
def test_many_waiting_polls_hold_no_thread_and_no_connection(planned: str, service: Served) -> None:
    engine = service.service.database.engine

    async def wait_at_once() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=MANY + 1)
        async with httpx.AsyncClient(
            base_url=service.url, auth=service.login(), limits=limits, timeout=120, trust_env=False
        ) as caller:
            etag = (await caller.get(f"/v1/releases/{planned}")).headers["ETag"]
            polls = [
                asyncio.create_task(
                    caller.get(f"/v1/releases/{planned}", params={"wait": LONG}, headers={"If-None-Match": etag})
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
            cancelled = await caller.post(f"/v1/releases/{planned}/cancel", json={})
            assert cancelled.status_code == 200
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
        poll: Future[httpx.Response] = pool.submit(_poll, anna, release, etag, wait=LONG)
        stream = pool.submit(
            anna.get, f"/v1/releases/{release}/events", headers={"Accept": "text/event-stream"}, timeout=PATIENCE
        )
        wait_until(lambda: served.waiting == 2, what="both wait")

        served.ask_to_stop()

        assert poll.result().status_code == 304
        assert "event: release.created" in stream.result().text
        served.wait_until_stopped()


def _poll(client: httpx.Client, release: str, etag: str, *, wait: float) -> httpx.Response:
    return client.get(
        f"/v1/releases/{release}", params={"wait": wait}, headers={"If-None-Match": etag}, timeout=PATIENCE
    )
