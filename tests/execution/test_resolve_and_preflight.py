"""A release that would fail on its way is refused before anybody is asked; a dry run says so without a release."""

from typing import Any

import pytest

from tests.topology import CORES, Team, Topology

Json = dict[str, Any]

FAMILY = "standardESv3Family"


@pytest.fixture
def asked(topology: Topology, model: str) -> Team:
    """A model whose only stage needs an approval."""
    return topology.new_team(model, stages=("dev", "prod"), approval=True)


def plan(topology: Topology, team: Team) -> Json:
    """What a dry run comes to."""
    body = {"model": team.model, "job": "team-job"}
    started = topology.ask_api("POST", "/v1/dry-runs", body)
    found = topology.ask_api("GET", f"/v1/dry-runs/{started['id']}?wait=60")
    assert found["state"] != "pending"
    return found


def set_quota(topology: Topology, cores: int) -> None:
    topology.control("PUT", "quotas", {"location": "eastus", "family": FAMILY, "cores": cores})


def outcomes(found: Json) -> set[tuple[str | None, str, str]]:
    return {(each["stage"], each["check"], each["outcome"]) for each in found["checks"]}


def test_too_small_a_quota_fails_the_release_before_anybody_is_asked(topology: Topology, asked: Team) -> None:
    set_quota(topology, 1)
    try:
        release = topology.wait_for(topology.ask(asked), "failed")
    finally:
        set_quota(topology, CORES)

    assert release["code"] == "quota_exceeded"
    assert "dev: 1 × Standard_E2s_v3 in eastus take 4 cores" in release["sentence"]
    assert release["rollouts"] == []
    assert {("dev", "quota", "failed"), ("prod", "quota", "failed"), (None, "job", "passed")} <= outcomes(release)
    kinds = [event.kind for event in topology.events(release["id"])]
    assert kinds == ["release.created", "release.checked", "release.failed"]


def test_dry_run_shows_the_plan_of_every_stage_and_leaves_nothing(topology: Topology, asked: Team) -> None:
    before = topology.events()

    found = plan(topology, asked)

    assert (found["state"], found["code"]) == ("passed", "passed"), found["sentence"]
    assert [stage["stage"] for stage in found["stages"]] == ["dev", "prod"]
    assert found["stages"][1]["plan"]["target"]["endpoint"] == f"{asked.model}-prod"
    assert found["stages"][0]["plan"]["model"]["digest"] == found["content"]["model_digest"]
    assert {each["outcome"] for each in found["checks"]} == {"passed"}
    assert topology.ask_api("GET", f"/v1/releases?model={asked.model}")["items"] == []
    assert topology.events() == before


def test_dry_run_names_everything_that_stands_in_the_way(topology: Topology, asked: Team) -> None:
    set_quota(topology, 1)
    try:
        found = plan(topology, asked)
    finally:
        set_quota(topology, CORES)

    assert (found["state"], found["code"]) == ("failed", "quota_exceeded")
    assert "dev: " in found["sentence"]
    assert "prod: " in found["sentence"]
    assert found["stages"], "the plan is shown all the same"


def test_dry_run_of_a_job_that_is_not_there_says_so_and_looks_at_the_stages(topology: Topology, asked: Team) -> None:
    started = topology.ask_api("POST", "/v1/dry-runs", {"model": asked.model, "job": "no-such-job"})
    found = topology.ask_api("GET", f"/v1/dry-runs/{started['id']}?wait=60")

    assert (found["state"], found["code"]) == ("failed", "job_not_found")
    assert (None, "job", "failed") in outcomes(found)
    assert ("prod", "quota", "passed") in outcomes(found)
    assert found["stages"] == []
