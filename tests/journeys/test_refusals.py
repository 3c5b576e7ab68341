"""What cannot be released: told by a code and a sentence that says what to do, and nothing is half-made in Azure."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.journeys.conftest import FAMILY
from tests.journeys.running import Json, Running
from tests.journeys.team import Team, rollout_of

_ELSEWHERE = """
  - name: dev
    workspace: ws-nowhere
    resource_group: rg-ml
    endpoint: {name}-dev
"""
_NO_REGISTRY = """
  - name: dev
    workspace: ws-dev
    resource_group: rg-ml
    endpoint: {name}-dev
  - name: prod
    workspace: ws-prod
    resource_group: rg-ml
    registry: reg-nowhere
    endpoint: {name}-prod
"""


def require_refusal(team: Team, release: Json, *, code: str, says: str) -> None:
    """It failed as it should, before anything in Azure was touched."""
    assert (release["status"], release["code"]) == ("failed", code), release["sentence"]
    assert says in release["sentence"]
    assert release["content"] is None
    assert release["rollouts"] == []
    require_nothing_in_azure(team)


def require_nothing_in_azure(team: Team) -> None:
    azure = team.service.azure
    assert azure.endpoint("ws-dev", team.dev) is None
    assert azure.endpoint("ws-prod", team.prod) is None
    assert azure.versions(team.name) == []


def test_job_that_azure_does_not_know_is_named(team: Team) -> None:
    release = team.service.until_still(team.ask("no-such-job")["id"])

    require_refusal(team, release, code="job_not_found", says="no training job no-such-job")


def test_job_that_still_runs_is_not_released(team: Team) -> None:
    job = team.submit(command="python -c 'import time; time.sleep(600)' &&")
    team.service.until_job(job["name"], lambda seen: seen["status"] == "Running")

    release = team.service.until_still(team.ask(job["name"])["id"])

    require_refusal(team, release, code="job_not_finished", says=f"Training job {job['name']} is not finished")


def test_job_that_is_not_submitted_yet_is_not_taken_for_one_that_azure_does_not_know(team: Team) -> None:
    team.service.azure.break_request("/jobs/", method="PUT", delay=3.0)
    job = team.submit()["name"]

    refused = team.service.http.post("/v1/releases", json={"model": team.name, "job": job})

    assert (refused.status_code, refused.json()["code"]) == (409, "job_not_finished")
    assert team.service.get("/v1/releases", model=team.name)["items"] == []


def test_job_that_failed_has_nothing_to_release(team: Team) -> None:
    job = team.train(command="python no_such_program.py")

    answer = team.service.http.post("/v1/releases", json={"model": team.name, "job": job})

    assert (answer.status_code, answer.json()["code"]) == (409, "job_failed")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert job in answer.json()["detail"]
    assert team.service.get("/v1/releases", model=team.name)["items"] == []


@pytest.mark.parametrize(
    ("change", "code", "says"),
    [
        ({"output": "weights"}, "output_missing", "has no output weights; it has model"),
        ({"file": "model.pkl"}, "model_file_missing", "has no model.pkl; it has factor.json"),
        ({"path": "deep/inside"}, "model_file_missing", "nothing at deep/inside"),
        (
            {"environment": "azureml:no-such-env@latest"},
            "environment_not_found",
            "no-such-env@latest is not registered",
        ),
        ({"stages": _ELSEWHERE}, "workspace_not_found", "no workspace ws-nowhere"),
    ],
    ids=["output", "file", "path", "environment", "workspace"],
)
def test_what_is_missing_ends_the_release_before_anything_is_touched(
    released: tuple[Team, str], new_team: Callable[[], Team], change: dict[str, Any], code: str, says: str
) -> None:
    job = released[0].service.release(released[1])["job"]
    team = new_team()
    team.apply(team.define(**change))

    release = team.service.until_still(team.ask(job)["id"])

    require_refusal(team, release, code=code, says=says)


def test_registry_that_is_not_there_ends_the_release_before_anything_is_touched(
    released: tuple[Team, str], new_team: Callable[[], Team]
) -> None:
    job = released[0].service.release(released[1])["job"]
    team = new_team()
    team.apply(team.define(stages=_NO_REGISTRY))

    release = team.service.until_still(team.ask(job, stages=["prod"])["id"])

    require_refusal(team, release, code="registry_not_found", says="no registry reg-nowhere")


def test_endpoint_name_that_is_taken_in_the_region_is_named(
    released: tuple[Team, str], new_team: Callable[[], Team]
) -> None:
    job = released[0].service.release(released[1])["job"]
    team = new_team()
    team.apply()
    team.service.azure.make_endpoint("ws-prod", team.dev)

    release = team.service.until_still(team.ask(job, stages=["dev"])["id"])

    try:
        assert (release["status"], release["code"]) == ("failed", "name_taken")
        assert team.dev in release["sentence"]
        assert "choose another" in release["sentence"]
        assert team.service.azure.endpoint("ws-dev", team.dev) is None
    finally:
        team.service.azure.delete_endpoint("ws-prod", team.dev)


def test_quota_that_is_used_up_leaves_what_served_before(team: Team, trained: str, service: Running) -> None:
    serves = rollout_of(team.release(trained, stages=["dev"]), "dev")["deployment"]
    service.azure.set_quota(FAMILY, 0)

    release = service.until_still(team.ask(trained, stages=["dev"])["id"])

    assert (release["status"], release["code"]) == ("failed", "quota_exceeded")
    assert "20% on top" in release["sentence"]
    assert release["rollouts"] == [], "nobody is asked, and nothing is planned"
    assert service.azure.traffic("ws-dev", team.dev) == {serves: 100}
    assert service.azure.deployments("ws-dev", team.dev) == {serves}
    assert team.use(team.dev, [2]) == [6]


def test_mistakes_in_a_definition_are_told_all_at_once_and_nothing_is_stored(new_team: Callable[[], Team]) -> None:
    team = new_team()
    archive = team.define(stages="\n  - name: Dev!\n    workspace: ws-dev\n    endpont: x\n")

    answer = team.service.http.post("/v1/models", json={"bundle": team.service.upload(archive)})

    assert (answer.status_code, answer.json()["code"]) == (422, "definition_invalid")
    mistakes = answer.json()["mistakes"]
    assert len(mistakes) >= 3
    assert {mistake["file"] for mistake in mistakes} == {"release.yml"}
    assert all(mistake["line"] for mistake in mistakes)
    assert team.service.http.get(f"/v1/models/{team.name}").status_code == 404
