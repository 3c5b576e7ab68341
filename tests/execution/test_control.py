"""Cancel, retry, pause, resume: asked of a release that a real worker is at."""

from itertools import pairwise
from typing import Any

import pytest

from tests.crash import points as at
from tests.crash.invariants import twice
from tests.crash.points import Point, Scene, slow_down
from tests.topology import Team, Topology
from tests.waiting import wait_until

Json = dict[str, Any]

SLOW = pytest.mark.slow
STEPS = [
    pytest.param(at.in_prepare(), id="prepare"),
    pytest.param(at.in_register(), id="register_model", marks=SLOW),
    pytest.param(at.in_create_endpoint(), id="create_endpoint", marks=SLOW),
    pytest.param(at.in_create_deployment(), id="create_deployment"),
    pytest.param(at.in_verify(), id="verify_deployment", marks=SLOW),
    pytest.param(at.in_shift(), id="shift_traffic"),
    pytest.param(at.in_publish(), id="publish_secrets", marks=SLOW),
    pytest.param(at.in_share_model(), id="share_model"),
    pytest.param(at.in_share_environment(), id="share_environment", marks=SLOW),
    pytest.param(at.in_create_deployment("prod"), id="create_deployment in prod", marks=SLOW),
]


def _stopped_at(topology: Topology, team: Team, point: Point) -> Scene:
    """A release that is at this point."""
    slow_down(topology, team, [point])
    scene = Scene(topology, team, topology.ask(team))
    wait_until(lambda: point.reached(scene), what=f"{scene.release} {point.name}")
    return scene


def _do(scene: Scene, act: str, reason: str = "for a reason") -> Json:
    return scene.topology.ask_api("POST", f"/v1/releases/{scene.release}/{act}", {"reason": reason})


@pytest.mark.slow
@pytest.mark.parametrize("stop", STEPS)
def test_cancel_ends_at_a_safe_point_and_a_retry_goes_on(topology: Topology, model: str, stop: Point) -> None:
    # The registry has an environment for good: only one that nobody else's release took there is still shared.
    environment = "team-env-2" if stop.name == "in share_environment" else "team-env"
    team = topology.new_team(model, stages=("dev", "prod"), environment=environment)
    scene = _stopped_at(topology, team, stop)
    _do(scene, "cancel", "wrong model")

    cancelled = topology.wait_for(scene.release, "cancelled")
    steps = _steps(cancelled)
    done = {key for key, step in steps.items() if step["status"] == "succeeded"}
    assert not {step["status"] for step in steps.values()} & {"running", "failed", "errored"}
    _assert_nothing_half_made_serves(topology, team, cancelled)
    topology.heal()
    if not steps:
        return  # nothing was planned yet: there is nothing to go on with

    _do(scene, "retry")
    retried = topology.wait_for(scene.release, "succeeded")
    assert twice(topology, team, [scene.release]) == []
    assert {key for key, step in _steps(retried).items() if step["status"] == "succeeded"} > done


def _steps(release: Json) -> dict[str, Json]:
    return {f"{rollout['stage']}/{step['key']}": step for rollout in release["rollouts"] for step in rollout["steps"]}


def _assert_nothing_half_made_serves(topology: Topology, team: Team, release: Json) -> None:
    """Traffic goes to a deployment that was proven, or nowhere; the release says where its deployment was left, and the record what serves."""
    for rollout in release["rollouts"]:
        if rollout["status"] == "pending":
            continue
        endpoints = {
            each["name"] for each in topology.azure(f"workspaces/ws-{rollout['stage']}/onlineEndpoints")["value"]
        }
        name = f"{team.model}-{rollout['stage']}"
        if name not in endpoints:
            continue
        endpoint = topology.azure(f"workspaces/ws-{rollout['stage']}/onlineEndpoints/{name}")
        steps = {step["key"]: step for step in rollout["steps"]}
        found = topology.ask_api("GET", f"/v1/targets?model={team.model}&stage={rollout['stage']}")["items"]
        on_record = {share["deployment"]: share["weight"] for target in found for share in target["serving"]}
        assert on_record == {name: share for name, share in endpoint["properties"]["traffic"].items() if share}
        if any(endpoint["properties"]["traffic"].values()):
            assert steps["verify_deployment"]["status"] == "succeeded"
            assert "of the traffic" in rollout["sentence"] or rollout["status"] == "succeeded"
        elif steps["create_deployment"]["attempts"]:
            assert "without traffic" in rollout["sentence"] or "No deployment" in rollout["sentence"]


def test_pause_stops_at_a_safe_point_and_resume_goes_on(topology: Topology, team: Team) -> None:
    scene = _stopped_at(topology, team, at.in_create_deployment())
    _do(scene, "pause", "a freeze")
    paused = topology.wait_for(scene.release, "paused")
    begun = _steps(paused)

    topology.heal()
    _do(scene, "resume")
    topology.wait_for(scene.release, "succeeded")

    assert begun["dev/create_endpoint"]["status"] == "succeeded"
    assert begun["dev/create_deployment"]["status"] == "pending"
    assert twice(topology, team, [scene.release]) == []


def test_release_that_waits_is_superseded_by_a_newer_one_and_says_so(topology: Topology, model: str) -> None:
    team = topology.new_team(model, stages=("dev", "prod"), approval=True)
    first = topology.ask(team)
    topology.wait_for(first, "pending_approval")
    second = topology.ask(team)
    topology.wait_for(second, "pending_approval")

    seen = topology.release(first)
    assert seen["status"] == "superseded"
    assert second in seen["sentence"]
    topology.approve(second, "prod")
    topology.wait_for(second, "succeeded")


def test_held_model_waits_and_goes_on_by_itself_when_the_hold_is_ended(topology: Topology, team: Team) -> None:
    hold = topology.ask_api("POST", "/v1/freezes", {"reason": "Look first.", "model": team.model})["id"]
    release = topology.ask(team)
    held = topology.wait_for(release, "scheduled")
    assert "On hold: Look first (anna)" in held["sentence"]

    assert topology.api("DELETE", f"/v1/freezes/{hold}").status_code == 204
    topology.wait_for(release, "succeeded")


@SLOW
def test_release_under_way_is_never_superseded(topology: Topology, team: Team) -> None:
    scene = _stopped_at(topology, team, at.in_create_deployment())
    waiting = topology.ask(team)
    topology.wait_for(waiting, "queued")
    newest = topology.ask(team)
    topology.wait_for(newest, "queued", "in_progress", "succeeded")
    topology.heal()

    topology.wait_for(scene.release, "succeeded")
    topology.wait_for(newest, "succeeded")
    seen = topology.release(waiting)
    assert seen["status"] == "superseded"
    assert newest in seen["sentence"]
    assert twice(topology, team, [scene.release, newest]) == []


@SLOW
def test_operation_that_never_ends_is_given_up_with_what_was_last_said(topology: Topology, model: str) -> None:
    team = topology.new_team(model, stages=("dev",), timeouts={"create_deployment": 0.1})
    topology.break_operation("deployment", resource=f"{model}-dev", never_ends=True)
    release = topology.ask(team)

    failed = topology.wait_for(release, "failed")
    step = _steps(failed)["dev/create_deployment"]
    assert (step["status"], step["code"]) == ("errored", "timed_out")
    assert "within 6 seconds" in step["sentence"]
    assert "Waiting for deployment" in step["sentence"]
    assert "creating" in step["sentence"].lower(), step["sentence"]


@SLOW
def test_azures_retry_after_is_waited_for(topology: Topology, team: Team, model: str) -> None:
    topology.break_request(
        f"onlineEndpoints/{model}-dev", method="PUT", times=2, status=429, code="TooManyRequests", retry_after=3
    )
    release = topology.ask(team)
    topology.wait_for(release, "succeeded")

    puts = [each for each in topology.requests() if each["method"] == "PUT" and each["path"].endswith(f"/{model}-dev")]
    assert [each["status"] for each in puts[:2]] == [429, 429]
    assert all(later["time"] - earlier["time"] >= 2.9 for earlier, later in pairwise(puts[:3]))
