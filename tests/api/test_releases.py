"""Asking for releases and listing them."""

import base64
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from app.api.release_views import ServiceAddressView
from app.cli.releases import print_release
from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.jobs.queries import get_job
from app.jobs.service import JobState, record_state
from app.planning.kinds import PublishSecrets
from app.planning.steps import PlannedStep
from app.releases.states import Status, StepStatus
from app.releases.tables import StepRun
from tests.api.conftest import on_sqlite
from tests.api.playing import apply, approve, as_json, ask, definition, digest_of
from tests.api.serving import Served, problem_of
from tests.definitions.conftest import RELEASE
from tests.instant import InstantWorker, UnderWay, content_of
from tests.planning.examples import PLACE, a_plan, three_steps
from tests.releases.conftest import NOW
from tests.waiting import PATIENCE_SECONDS

DEV_STEPS = [
    "register_model",
    "create_endpoint",
    "create_deployment",
    "verify_deployment",
    "shift_traffic",
    "publish_secrets",
    "retire_deployments",
    "confirm_serving",
]


def test_release_is_shown_whole(anna: httpx.Client, waiting: str) -> None:
    release = as_json(anna.get(f"/v1/releases/{waiting}"))

    assert release["status"] == "pending_approval"
    assert release["requested_by"] == "anna"
    assert release["content"] == content_of(waiting)
    dev, prod = release["rollouts"]
    assert (dev["stage"], dev["status"]) == ("dev", "succeeded")
    assert [step["status"] for step in dev["steps"]] == ["succeeded"] * len(DEV_STEPS)
    assert [step["kind"] for step in dev["steps"]] == DEV_STEPS
    assert all(step["seconds"] >= 0 for step in dev["steps"])
    assert prod["plan_digest"] == digest_of(anna, waiting)
    assert prod["needs_approval"]


def test_release_says_how_callers_reach_each_stage(
    anna: httpx.Client, planned: str, worker: InstantWorker, capsys: pytest.CaptureFixture[str]
) -> None:
    made = {
        "endpoint": "churn-dev",
        "auth_mode": "key",
        "scoring_uri": "https://x/score",
        "openapi_uri": "https://x/api",
    }
    published = {"key_vault": "kv-dev", "secrets": ["churn-dev-primary-key"]}
    worker.complete(planned, "dev", outputs={"create_endpoint": made, "publish_secrets": published})
    release = as_json(anna.get(f"/v1/releases/{planned}"))

    dev, prod = release["rollouts"]
    assert dev["address"] == {**made, **published}
    assert prod["address"] is None
    print_release(release)
    assert "scoring URI: https://x/score (auth_mode: key)" in capsys.readouterr().out


_PUBLISH = PublishSecrets(workspace=PLACE, endpoint="churn-dev", key_vault="kv-dev")
PLAN = a_plan("dev", steps=(*three_steps("churn-dev"), PlannedStep.of(_PUBLISH)))


def test_secrets_are_shown_by_name_once_they_are_published() -> None:
    made = _step(
        "create_endpoint",
        {"endpoint": "churn-dev", "auth_mode": "key", "scoring_uri": "https://x/score", "openapi_uri": None},
    )
    published = _step("publish_secrets", {"key_vault": "kv-dev", "secrets": ["churn-dev-primary-key"]})

    published.status = StepStatus.FAILED
    before = ServiceAddressView.of(PLAN, [made, published])
    published.status = StepStatus.SUCCEEDED
    after = ServiceAddressView.of(PLAN, [made, published])

    assert before is not None
    assert after is not None
    assert (before.key_vault, before.secrets) == (None, [])
    assert (after.key_vault, after.secrets) == ("kv-dev", ["churn-dev-primary-key"])
    assert ServiceAddressView.of(PLAN, [published]) is None


def _step(kind: str, output: dict[str, Any]) -> StepRun:
    return StepRun(
        id=f"churn-1:dev:{kind}",
        rollout_id="churn-1:dev",
        key=kind,
        position=0,
        status=StepStatus.SUCCEEDED,
        code="done",
        sentence="Done.",
        output=output,
    )


def test_asking_answers_where_the_release_is(anna: httpx.Client, churn: str) -> None:
    answer = anna.post("/v1/releases", json={"model": churn, "job": "job-1", "note": "The June data."})

    assert answer.status_code == 201
    assert answer.headers["Location"] == "/v1/releases/churn-1"
    assert as_json(anna.get(answer.headers["Location"]))["note"] == "The June data."


def test_release_that_gets_ready_after_a_newer_one_is_superseded(
    anna: httpx.Client, churn: str, worker: InstantWorker
) -> None:
    older, newer = ask(anna, model=churn)["id"], ask(anna, model=churn)["id"]
    worker.prepare(newer)
    worker.complete(newer, "dev")

    worker.prepare(older)

    seen = as_json(anna.get(f"/v1/releases/{older}"))
    assert (seen["status"], seen["sentence"]) == ("superseded", f"dev: Superseded by {newer}.")
    assert as_json(anna.get(f"/v1/releases/{newer}"))["status"] == "pending_approval"


def test_release_that_gets_ready_after_a_newer_one_was_given_up_goes_on(
    anna: httpx.Client, churn: str, worker: InstantWorker
) -> None:
    older, newer = ask(anna, model=churn)["id"], ask(anna, model=churn)["id"]
    worker.prepare(newer)
    as_json(anna.post(f"/v1/releases/{newer}/cancel", json={}))

    worker.prepare(older)

    assert as_json(anna.get(f"/v1/releases/{older}"))["status"] == "queued"


def test_release_that_is_cancelled_between_two_stages_supersedes_nobody(
    anna: httpx.Client, waiting: str, churn: str, worker: InstantWorker
) -> None:
    newer = ask(anna, model=churn)["id"]
    worker.prepare(newer)
    with worker.under_way(newer, "dev", at="confirm_serving", looks=False) as running:
        as_json(anna.post(f"/v1/releases/{newer}/cancel", json={}))

        assert running.finish() is Status.SUCCEEDED

    assert as_json(anna.get(f"/v1/releases/{newer}"))["status"] == "cancelled"
    assert as_json(anna.get(f"/v1/releases/{waiting}"))["status"] == "pending_approval"


def _fails(anna: httpx.Client, worker: InstantWorker, release: str) -> None:  # noqa: ARG001 - nobody asks for that
    worker.fail(release, "dev")


def _is_paused(anna: httpx.Client, worker: InstantWorker, release: str) -> None:
    with worker.under_way(release, "dev") as running:
        as_json(anna.post(f"/v1/releases/{release}/pause", json={}))
        assert running.end() is Status.PAUSED


@pytest.mark.parametrize(("end", "go_on"), [(_fails, "retry"), (_is_paused, "resume")])
def test_release_that_was_overtaken_does_not_go_on(
    anna: httpx.Client,
    churn: str,
    worker: InstantWorker,
    end: Callable[[httpx.Client, InstantWorker, str], None],
    go_on: str,
) -> None:
    older, newer = ask(anna, model=churn)["id"], ask(anna, model=churn)["id"]
    worker.prepare(older)
    end(anna, worker, older)
    ended = as_json(anna.get(f"/v1/releases/{older}"))["status"]
    worker.prepare(newer)
    worker.complete(newer, "dev")

    problem = problem_of(anna.post(f"/v1/releases/{older}/{go_on}"), 409, "overtaken")

    assert newer in problem["detail"]
    assert "job-1" in problem["hint"]
    assert as_json(anna.get(f"/v1/releases/{older}"))["status"] == ended


def test_release_through_some_stages_keeps_the_order_of_the_definition(anna: httpx.Client, churn: str) -> None:
    assert ask(anna, model=churn, stages=["prod"])["stages"] == ["prod"]
    assert ask(anna, model=churn, stages=["prod", "dev"])["stages"] == ["dev", "prod"]


def test_release_under_an_older_definition(anna: httpx.Client, churn: str) -> None:
    apply(anna, definition(release_yml=_other_release_yml()))

    assert ask(anna, model=churn)["definition_version"] == 2
    assert ask(anna, model=churn, definition_version=1)["definition_version"] == 1


def test_release_under_an_older_definition_is_of_a_job_where_that_one_says(anna: httpx.Client, churn: str) -> None:
    apply(anna, definition(release_yml=RELEASE.replace("workspace: ws-dev", "workspace: ws-new")))

    ask(anna, model=churn)
    ask(anna, model=churn, definition_version=1)

    jobs = as_json(anna.get("/v1/jobs", params={"model": churn}))["items"]
    assert {job["workspace"] for job in jobs} == {"ws-new", "ws-dev"}


@pytest.mark.parametrize(
    ("asked", "status", "code", "said"),
    [
        ({"model": "chrun"}, 404, "model_not_found", "did you mean 'churn'?"),
        ({"definition_version": 7}, 404, "definition_version_not_found", "no version 7"),
        ({"stages": ["dev", "qa"]}, 422, "stage_unknown", "no stage qa"),
        ({"stages": []}, 422, "stage_unknown", "The list of stages is empty"),
        ({"stage": "dev"}, 422, "malformed", "stage"),
        ({"job": ""}, 422, "malformed", "job"),
    ],
)
def test_what_cannot_be_released_is_refused_and_nothing_is_stored(
    anna: httpx.Client, churn: str, asked: dict[str, Any], status: int, code: str, said: str
) -> None:
    before = as_json(anna.get("/v1/events"))["items"]

    answer = anna.post("/v1/releases", json={"model": churn, "job": "job-1", **asked})

    assert said in problem_of(answer, status, code)["detail"]
    assert as_json(anna.get("/v1/releases"))["items"] == []
    assert as_json(anna.get("/v1/jobs"))["items"] == []
    assert as_json(anna.get("/v1/events"))["items"] == before


@pytest.mark.usefixtures("release")
def test_output_of_a_failed_job_is_not_released(anna: httpx.Client, service: Served) -> None:
    with UnitOfWork(service.service.database, SERVICE, now=NOW).transaction() as work:
        seen = JobState(status="Failed", is_final=True, code="failed", sentence="train.py ended with status 1.")
        record_state(work, get_job(work, "job-1"), seen)

    problem = problem_of(anna.post("/v1/releases", json={"model": "churn", "job": "job-1"}), 409, "job_failed")

    assert "train.py ended with status 1." in problem["detail"]


@pytest.mark.both_databases
def test_many_ask_at_once_and_each_gets_a_number_of_its_own(anna: httpx.Client, churn: str) -> None:
    with ThreadPoolExecutor(20) as callers:
        asked = list(callers.map(lambda number: ask(anna, model=churn, note=str(number)), range(20)))

    assert sorted(release["number"] for release in asked) == list(range(1, 21))


def test_list_can_be_filtered(anna: httpx.Client, churn: str, worker: InstantWorker) -> None:
    apply(anna, definition("other"))
    ask(anna, model=churn, job="job-1")
    ask(anna, model=churn, job="job-2")
    ask(anna, model="other", job="job-2")
    worker.prepare_in_vain("churn-1")

    assert _ids(anna) == ["other-1", "churn-2", "churn-1"]
    assert _ids(anna, model="churn") == ["churn-2", "churn-1"]
    assert _ids(anna, job="job-2") == ["other-1", "churn-2"]
    assert _ids(anna, status="failed") == ["churn-1"]
    assert _ids(anna, status=["failed", "pending"], model="churn") == ["churn-2", "churn-1"]
    assert _ids(anna, model="nobody") == []
    problem_of(anna.get("/v1/releases", params={"status": "fine"}), 422, "malformed")


@pytest.mark.both_databases
def test_pages_show_each_release_once_while_releases_change_and_come(
    anna: httpx.Client, churn: str, worker: InstantWorker
) -> None:
    for _ in range(7):
        ask(anna, model=churn)

    first = as_json(anna.get("/v1/releases", params={"limit": 3}))
    worker.prepare_in_vain("churn-2")  # not shown yet
    worker.prepare_in_vain("churn-7")  # shown already
    ask(anna, model=churn)
    second = as_json(anna.get("/v1/releases", params={"limit": 3, "cursor": first["next"]}))
    third = as_json(anna.get("/v1/releases", params={"limit": 3, "cursor": second["next"]}))

    assert [[each["number"] for each in page["items"]] for page in (first, second, third)] == [
        [7, 6, 5],
        [4, 3, 2],
        [1],
    ]
    assert third["next"] is None


def test_page_that_ends_with_the_list_is_the_last(anna: httpx.Client, churn: str) -> None:
    for _ in range(3):
        ask(anna, model=churn)

    assert as_json(anna.get("/v1/releases", params={"limit": 3}))["next"] is None


@on_sqlite
@pytest.mark.parametrize("path", ["/v1/releases", "/v1/jobs"])
def test_cursor_that_is_not_ours_is_refused(anna: httpx.Client, path: str) -> None:
    before_christ = base64.urlsafe_b64encode(b"0001-01-01T00:00:00+14:00 churn-1").decode()
    for cursor in ("x", "%%%", "LTE=", "9" * 90, "Zm9v", "äöü", "MjAyNi0wMS0wMg==", before_christ):
        problem_of(anna.get(path, params={"cursor": cursor}), 422, "cursor_invalid")


State = Callable[[InstantWorker, str], None]


def _pending(_worker: InstantWorker, _release: str) -> None:
    pass


def _queued(worker: InstantWorker, release: str) -> None:
    worker.prepare(release)


def _waits_for_approval(worker: InstantWorker, release: str) -> None:
    worker.prepare(release)
    worker.complete(release, "dev")


@pytest.mark.parametrize("reach", [_pending, _queued, _waits_for_approval])
def test_what_nobody_carries_out_is_cancelled_at_once(
    anna: httpx.Client, release: str, worker: InstantWorker, reach: State
) -> None:
    reach(worker, release)

    cancelled = as_json(anna.post(f"/v1/releases/{release}/cancel", json={"reason": "Wrong data."}))

    assert (cancelled["status"], cancelled["code"]) == ("cancelled", "cancelled")
    assert "Cancelled by anna: Wrong data." in cancelled["sentence"]
    assert cancelled["finished_at"] is not None
    again = problem_of(anna.post(f"/v1/releases/{release}/cancel", json={}), 409, "already_ended")
    assert again["status"] == 409


def test_what_runs_is_cancelled_at_its_next_safe_point(anna: httpx.Client, planned: str, worker: InstantWorker) -> None:
    with worker.under_way(planned, "dev") as running:
        first = as_json(anna.post(f"/v1/releases/{planned}/cancel", json={}))
        second = as_json(anna.post(f"/v1/releases/{planned}/cancel", json={}))
        assert running.end() is Status.CANCELLED

    assert first["status"] == "cancelling"
    assert second == first
    assert as_json(anna.get(f"/v1/releases/{planned}"))["status"] == "cancelled"


def test_what_has_ended_is_not_cancelled(anna: httpx.Client, waiting: str, worker: InstantWorker) -> None:
    as_json(approve(anna, waiting))
    worker.complete(waiting, "prod")

    problem = problem_of(anna.post(f"/v1/releases/{waiting}/cancel", json={}), 409, "already_ended")

    assert "succeeded" in problem["detail"]


@pytest.mark.usefixtures("churn")
def test_release_that_there_is_not(anna: httpx.Client) -> None:
    for answer in (
        anna.get("/v1/releases/churn-9"),
        anna.get("/v1/releases/churn-9/events"),
        anna.get("/v1/releases/churn-9/events", headers={"Accept": "text/event-stream"}),
        anna.get("/v1/releases/churn-9", params={"wait": 30}, headers={"If-None-Match": '"1"'}),
        anna.post("/v1/releases/churn-9/cancel", json={}),
        anna.post("/v1/releases/churn-9/rollouts/dev/approve", json={"plan_digest": "sha256:0"}),
    ):
        assert problem_of(answer, 404, "release_not_found")["hint"]


@pytest.mark.both_databases
def test_requests_and_workers_get_along_on_the_same_releases(anna: httpx.Client, worker: InstantWorker) -> None:
    """Who locks what in which order: a deadlock would be a 503 for one of them."""
    releases = [_of_another_team(anna, f"team-{number}") for number in range(10)]
    running: dict[str, UnderWay] = {}
    reported = {release: threading.Event() for release in releases}
    cancelled = {release: threading.Event() for release in releases}

    def report(release: str) -> None:
        for number in range(1000):
            running[release].report(f"At {number}.")
            if number == 2:
                reported[release].set()
            if cancelled[release].is_set():
                return

    def cancel(release: str) -> int:
        try:
            assert reported[release].wait(PATIENCE_SECONDS)
            return anna.post(f"/v1/releases/{release}/cancel", json={}).status_code
        finally:
            cancelled[release].set()

    with ExitStack() as rollouts, ThreadPoolExecutor(2) as workers, ThreadPoolExecutor(2) as callers:
        for release in releases:
            worker.prepare(release)
            running[release] = rollouts.enter_context(worker.under_way(release, "dev", looks=False))
        reports = [workers.submit(report, release) for release in releases]
        statuses = list(callers.map(cancel, releases))
        for each in reports:
            each.result()

    assert statuses == [200] * len(releases)


def _of_another_team(client: httpx.Client, model: str) -> str:
    """A release to endpoints of its own: at one endpoint they would come one after the other."""
    assert apply(client, definition(release_yml=RELEASE.replace("churn", model))).status_code == 201
    release: str = ask(client, model=model)["id"]
    return release


def _ids(client: httpx.Client, **filters: Any) -> list[str]:
    return [each["id"] for each in as_json(client.get("/v1/releases", params=filters))["items"]]


def _other_release_yml() -> str:
    return RELEASE.replace("kv-prod", "kv-prod-2")
