"""Dry runs over HTTP: asked for, looked at, seen by those who may see the model."""

import threading
from datetime import UTC, datetime, timedelta

import httpx

from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.planning.sources import JobSource
from app.releases.dry_runs import begin_dry_run, finish_dry_run
from app.releases.states import DryRunState
from app.releases.tables import DryRun
from tests.api.conftest import on_sqlite
from tests.api.playing import as_json
from tests.api.serving import Served
from tests.instant import InstantWorker

pytestmark = on_sqlite

CHECK: dict[str, object] = {
    "stage": "prod",
    "check": "quota",
    "outcome": "failed",
    "code": "quota_exceeded",
    "sentence": "Too few cores.",
    "hint": None,
    "rows": [],
}


def post_dry_run(client: httpx.Client, model: str, **more: object) -> httpx.Response:
    return client.post("/v1/dry-runs", json={"model": model, "job": "job-1", **more})


def finish(worker: InstantWorker, run_id: str) -> None:
    """As a worker does that found something."""
    worker.checks = [CHECK]
    worker.dry_run(run_id)


def test_dry_run_is_accepted_and_says_where_it_is(anna: httpx.Client, churn: str) -> None:
    answer = post_dry_run(anna, churn)

    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"/v1/dry-runs/{answer.json()['id']}"
    found = as_json(anna.get(answer.headers["Location"]))
    assert (found["state"], found["checks"], found["requested_by"]) == ("pending", [], "anna")


def test_dry_run_leaves_no_release_no_number_no_job_and_no_event(anna: httpx.Client, churn: str) -> None:
    before = as_json(anna.get("/v1/events"))["items"]

    post_dry_run(anna, churn)

    assert as_json(anna.get("/v1/releases"))["items"] == []
    assert as_json(anna.get("/v1/jobs"))["items"] == []
    assert as_json(anna.get("/v1/events"))["items"] == before
    assert as_json(anna.post("/v1/releases", json={"model": churn, "job": "job-1"}))["number"] == 1


def test_whoever_waits_gets_the_dry_run_when_it_is_ready(anna: httpx.Client, churn: str, worker: InstantWorker) -> None:
    asked = post_dry_run(anna, churn).json()["id"]
    later = threading.Timer(0.5, finish, (worker, asked))
    later.start()

    found = as_json(anna.get(f"/v1/dry-runs/{asked}", params={"wait": 20}))

    later.join()
    assert (found["state"], found["code"], found["checks"][-1]) == ("failed", "quota_exceeded", CHECK)
    assert {each["outcome"] for each in found["checks"][:-1]} == {"passed"}


def test_dry_run_that_is_finished_twice_keeps_what_was_found_first(
    anna: httpx.Client, churn: str, worker: InstantWorker
) -> None:
    asked = post_dry_run(anna, churn).json()["id"]
    finish(worker, asked)
    with UnitOfWork(worker.database, SERVICE).transaction() as work:
        finish_dry_run(work, asked, DryRunState.PASSED, code="passed", sentence="Fine.", result=None)

    assert as_json(anna.get(f"/v1/dry-runs/{asked}"))["state"] == "failed"


def test_the_same_key_gives_the_same_dry_run(anna: httpx.Client, churn: str) -> None:
    body = {"model": churn, "job": "job-1"}
    first, second = (anna.post("/v1/dry-runs", json=body, headers={"Idempotency-Key": "ci-1"}) for _ in range(2))

    assert first.json()["id"] == second.json()["id"]


def test_unknown_stage_is_refused_at_once(anna: httpx.Client, churn: str) -> None:
    answer = post_dry_run(anna, churn, stages=["qa"])

    assert (answer.status_code, answer.json()["code"]) == (422, "stage_unknown")


def test_expired_dry_runs_are_deleted_when_another_starts(anna: httpx.Client, churn: str, service: Served) -> None:
    database = service.service.database
    with UnitOfWork(database, SERVICE, now=datetime.now(UTC) - timedelta(days=2)).transaction() as work:
        old = begin_dry_run(
            work,
            model=churn,
            definition_version=1,
            source=JobSource(job="job-1"),
            stages=["dev"],
        ).id
    post_dry_run(anna, churn)

    with database.read() as session:
        assert session.get(DryRun, old) is None
