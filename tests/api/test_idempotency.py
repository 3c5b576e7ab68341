"""Idempotency keys: however often, and at once, something is asked under one key, it is done once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from sqlmodel import Session, func, select

from app.database.connection import Database
from app.events.tables import Event
from app.releases.tables import Release
from tests.api.conftest import on_sqlite
from tests.api.playing import apply, as_json, ask, definition, digest_of, upload
from tests.api.serving import Served, problem_of
from tests.instant import InstantWorker

pytestmark = pytest.mark.both_databases

ASKED = {"model": "churn", "job": "job-1"}


def post(client: httpx.Client, path: str, body: Any, *, key: str) -> httpx.Response:
    return client.post(path, json=body, headers={"Idempotency-Key": key})


def count(database: Database, table: type[Release] | type[Event]) -> int:
    def ask_count(session: Session) -> int:
        return session.exec(select(func.count()).select_from(table)).one()

    with database.read() as session:
        return ask_count(session)


@pytest.mark.usefixtures("churn")
def test_same_key_and_body_gives_the_first_answer_again(anna: httpx.Client, worker: InstantWorker) -> None:
    first = post(anna, "/v1/releases", ASKED, key="ci-4711")
    worker.prepare_in_vain("churn-1")  # what happened since does not change the answer
    events = count(worker.database, Event)

    second = post(anna, "/v1/releases", ASKED, key="ci-4711")

    assert (second.status_code, second.content) == (201, first.content)
    assert second.headers["Location"] == first.headers["Location"] == "/v1/releases/churn-1"
    assert count(worker.database, Release) == 1
    assert count(worker.database, Event) == events


@pytest.mark.usefixtures("churn")
def test_same_body_written_another_way_is_the_same(anna: httpx.Client, worker: InstantWorker) -> None:
    first = post(anna, "/v1/releases", ASKED, key="k")
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}

    second = anna.post("/v1/releases", content=b'{ "job": "job-1",\n "model": "chu\\u0072n" }', headers=headers)

    assert second.content == first.content
    assert count(worker.database, Release) == 1


@pytest.mark.usefixtures("churn")
def test_same_key_with_another_body_is_refused(anna: httpx.Client, worker: InstantWorker) -> None:
    post(anna, "/v1/releases", ASKED, key="k")

    problem = problem_of(post(anna, "/v1/releases", {**ASKED, "note": "x"}, key="k"), 422, "idempotency_key_reused")

    assert "'k'" in problem["detail"]
    assert count(worker.database, Release) == 1


@pytest.mark.usefixtures("churn")
def test_twenty_at_once_are_one_release(anna: httpx.Client, worker: InstantWorker) -> None:
    start = threading.Barrier(20)

    def ask_at_once(_number: int) -> httpx.Response:
        start.wait()
        return post(anna, "/v1/releases", ASKED, key="ci-4711")

    with ThreadPoolExecutor(20) as callers:
        answers = list(callers.map(ask_at_once, range(20)))

    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert count(worker.database, Release) == 1


@pytest.mark.usefixtures("churn")
def test_two_bodies_at_once_under_one_key_are_one_release(anna: httpx.Client, worker: InstantWorker) -> None:
    start = threading.Barrier(10)

    def ask_at_once(number: int) -> httpx.Response:
        start.wait()
        return post(anna, "/v1/releases", {**ASKED, "note": str(number % 2)}, key="k")

    with ThreadPoolExecutor(10) as callers:
        answers = list(callers.map(ask_at_once, range(10)))

    assert sorted(answer.status_code for answer in answers) == [201] * 5 + [422] * 5
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert count(worker.database, Release) == 1


@pytest.mark.usefixtures("churn")
def test_callers_do_not_share_keys(anna: httpx.Client, service: Served, worker: InstantWorker) -> None:
    mine = as_json(post(anna, "/v1/releases", ASKED, key="1"))
    theirs = as_json(post(service.client("berta"), "/v1/releases", {**ASKED, "note": "mine"}, key="1"))

    assert (mine["requested_by"], theirs["requested_by"]) == ("anna", "berta")
    assert count(worker.database, Release) == 2


def test_key_of_a_refused_request_is_free_again(anna: httpx.Client) -> None:
    problem_of(post(anna, "/v1/releases", ASKED, key="k"), 404, "model_not_found")
    apply(anna, definition())

    assert post(anna, "/v1/releases", ASKED, key="k").status_code == 201


def test_deciding_again_under_the_same_key_is_the_same_decision(anna: httpx.Client, waiting: str) -> None:
    path = f"/v1/releases/{waiting}/rollouts/prod/approve"
    word = {"reason": "Good.", "plan_digest": digest_of(anna, waiting)}

    first = post(anna, path, word, key="k")
    second = post(anna, path, word, key="k")

    assert second.content == first.content
    assert len(as_json(second)["rollouts"][1]["decisions"]) == 1
    problem_of(post(anna, path, word, key="k2"), 409, "nothing_to_decide")


@pytest.mark.usefixtures("churn")
def test_key_counts_for_one_thing_to_do(anna: httpx.Client, worker: InstantWorker) -> None:
    """A key that CI uses for all of a run's requests: each is another request."""
    for _ in range(2):
        job = as_json(post(anna, "/v1/jobs", {"model": "churn", "name": "job-1"}, key="run-1"))
        release = as_json(post(anna, "/v1/releases", ASKED, key="run-1"))
        cancelled = as_json(post(anna, f"/v1/releases/{release['id']}/cancel", {}, key="run-1"))

    assert job["name"] == "job-1"
    assert cancelled["status"] == "cancelled"
    assert count(worker.database, Release) == 1


@on_sqlite
def test_every_post_takes_a_key(anna: httpx.Client, release: str, worker: InstantWorker) -> None:
    headers = {"Idempotency-Key": "k"}
    archives = [definition(), definition("other")]

    first = anna.post("/v1/bundles", content=archives[0], headers=headers)
    assert anna.post("/v1/bundles", content=archives[0], headers=headers).content == first.content
    problem_of(anna.post("/v1/bundles", content=archives[1], headers=headers), 422, "idempotency_key_reused")

    digests = [upload(anna, archive) for archive in archives]
    assert post(anna, "/v1/models", {"bundle": digests[1]}, key="k").status_code == 201
    assert post(anna, "/v1/models", {"bundle": digests[1]}, key="k").status_code == 201  # as the first time
    problem_of(post(anna, "/v1/models", {"bundle": digests[0]}, key="k"), 422, "idempotency_key_reused")

    worker.prepare(release)
    assert post(anna, f"/v1/releases/{release}/cancel", {}, key="k").status_code == 200
    assert post(anna, f"/v1/releases/{release}/cancel", {}, key="k").status_code == 200
    assert ask(anna)["number"] == 2


@on_sqlite
@pytest.mark.parametrize("key", ["", "k" * 201])
def test_key_that_makes_no_sense_is_refused(anna: httpx.Client, churn: str, key: str) -> None:
    problem_of(post(anna, "/v1/releases", {"model": churn, "job": "job-1"}, key=key), 422, "malformed")
