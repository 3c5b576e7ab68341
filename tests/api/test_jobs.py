"""Training jobs over HTTP: recorded, submitted, listed."""

from typing import Any

import httpx
import pytest

from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.jobs.service import record_job
from app.planning.places import Place
from tests.api.conftest import SUBSCRIPTION
from tests.api.playing import apply, as_json, definition, upload
from tests.api.serving import Served, problem_of
from tests.bundles.tars import tar_of
from tests.releases.conftest import NOW


def test_job_is_recorded_once(anna: httpx.Client, churn: str) -> None:
    first = anna.post("/v1/jobs", json={"model": churn, "name": "careful_fox"})
    second = anna.post("/v1/jobs", json={"model": churn, "name": "careful_fox"})

    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first.headers["Location"] == "/v1/jobs/careful_fox?workspace=ws-dev"
    assert as_json(anna.get(first.headers["Location"])) == first.json()
    assert first.json()["status"] == "Recorded"
    assert len(as_json(anna.get("/v1/jobs"))["items"]) == 1


def test_folder_is_submitted_under_a_new_name(anna: httpx.Client, churn: str) -> None:
    bundle = upload(anna, tar_of(("pipeline.yml", b"type: pipeline"), ("env.yml", b"name: e")))

    job = as_json(
        anna.post(
            "/v1/jobs", json={"model": churn, "bundle": bundle, "entry": "pipeline.yml", "environments": ["env.yml"]}
        )
    )

    assert job["name"].startswith("churn-")
    assert job["status"] == "Submitting"


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        ({"model": "chrun", "name": "j"}, 404, "model_not_found"),
        ({"model": "churn"}, 422, "malformed"),
        ({"model": "churn", "bundle": "sha256:0"}, 422, "malformed"),
        ({"model": "churn", "bundle": "sha256:0", "entry": "pipeline.yml"}, 404, "bundle_not_found"),
        ({"model": "churn", "name": "../j"}, 422, "malformed"),
        ({"model": "churn", "name": "j" * 256}, 422, "malformed"),
    ],
)
def test_job_that_cannot_be_taken_is_refused_and_nothing_is_stored(
    anna: httpx.Client, churn: str, asked: dict[str, Any], status: int, code: str
) -> None:
    problem_of(anna.post("/v1/jobs", json=asked), status, code)

    assert as_json(anna.get("/v1/jobs", params={"model": churn}))["items"] == []


def test_file_that_the_folder_does_not_have(anna: httpx.Client, churn: str) -> None:
    bundle = upload(anna, tar_of(("pipeline.yml", b"type: pipeline")))

    answer = anna.post("/v1/jobs", json={"model": churn, "bundle": bundle, "entry": "train.yml"})

    assert "train.yml" in problem_of(answer, 422, "file_not_in_bundle")["detail"]


def test_name_that_another_job_has(anna: httpx.Client, churn: str) -> None:
    anna.post("/v1/jobs", json={"model": churn, "name": "mine"})
    bundle = upload(anna, tar_of(("pipeline.yml", b"type: pipeline")))

    answer = anna.post("/v1/jobs", json={"model": churn, "name": "mine", "bundle": bundle, "entry": "pipeline.yml"})

    problem_of(answer, 409, "job_name_taken")


def test_job_in_two_workspaces_must_be_named_with_its_own(anna: httpx.Client, churn: str, service: Served) -> None:
    anna.post("/v1/jobs", json={"model": churn, "name": "twin"})
    place = Place(subscription=SUBSCRIPTION, resource_group="rg-ml", workspace="ws-other")
    with UnitOfWork(service.service.database, SERVICE, now=NOW).transaction() as work:
        record_job(work, place, "twin")

    problem = problem_of(anna.get("/v1/jobs/twin"), 409, "job_ambiguous")

    assert "ws-other" in problem["detail"]
    assert as_json(anna.get("/v1/jobs/twin", params={"workspace": "ws-other"}))["workspace"] == "ws-other"
    problem_of(anna.get("/v1/jobs/nobody"), 404, "job_not_found")


def test_pages_of_jobs_are_stable_while_jobs_come(anna: httpx.Client, churn: str) -> None:
    apply(anna, definition("other"))
    for number in range(5):
        anna.post("/v1/jobs", json={"model": churn, "name": f"job-{number}"})
    anna.post("/v1/jobs", json={"model": "other", "name": "job-x"})

    first = as_json(anna.get("/v1/jobs", params={"limit": 3, "model": churn}))
    anna.post("/v1/jobs", json={"model": churn, "name": "job-5"})
    second = as_json(anna.get("/v1/jobs", params={"limit": 3, "model": churn, "cursor": first["next"]}))

    names = [[job["name"] for job in page["items"]] for page in (first, second)]
    assert names == [["job-4", "job-3", "job-2"], ["job-1", "job-0"]]
    assert second["next"] is None


def test_every_path_that_leads_out_of_the_folder_is_told_with_its_line(anna: httpx.Client, churn: str) -> None:
    job = b"type: command\ncommand: ls\ncode: /proc/self\nenvironment:\n  image: x\n  conda_file: ../conda.yml\n"
    environment = b"name: e\nbuild:\n  path: ../..\n"
    bundle = upload(anna, tar_of(("job.yml", job), ("env.yml", environment)))

    answer = anna.post(
        "/v1/jobs", json={"model": churn, "bundle": bundle, "entry": "job.yml", "environments": ["env.yml"]}
    )

    places = [(each["file"], each["line"]) for each in problem_of(answer, 422, "folder_invalid")["mistakes"]]
    assert places == [("job.yml", 3), ("job.yml", 6), ("env.yml", 3)]
    assert as_json(anna.get("/v1/jobs", params={"model": churn}))["items"] == []


def test_a_job_name_with_a_space_is_answered_in_words(anna: httpx.Client) -> None:
    apply(anna, definition())

    problem = problem_of(anna.post("/v1/jobs", json={"model": "churn", "name": "my job"}), 422, "malformed")

    assert (
        "'my job' is not a job's name: 1 to 255 letters, digits, hyphens and underscores, no spaces"
        in problem["detail"]
    )
    assert "^[" not in problem["detail"]
