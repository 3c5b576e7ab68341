"""Going back, as people and automation ask for it."""

from pathlib import Path

from app.planning.observed import DeploymentFacts, Observed
from app.releases.states import Status
from app.steps.contract import Done
from tests.api.playing import approve, as_json
from tests.guardrails.playing import stage
from tests.rollbacks.going_back import TARGET, Going


def deployment(going: Going, release: str) -> str:
    return str(going.platform.look(release)["rollouts"][0]["deployment"])


def test_warm_deployment_of_the_previous_release_serves_again_and_the_target_is_held(going: Going) -> None:
    first, second = going.release(), going.release()

    back = going.went_back()

    assert (back["purpose"], back["source"]) == ("rollback", {"kind": "release", "release": first})
    assert back["status"] == "succeeded"
    (rollout,) = back["rollouts"]
    assert rollout["deployment"] == deployment(going, first)
    assert [step["key"] for step in rollout["steps"]] == [
        "reuse_deployment",
        "verify_deployment",
        "shift_traffic",
        "publish_secrets",
        "confirm_serving",
    ]
    assert going.platform.plan_of(back["id"])["replaces"]["release"] == second
    (hold,) = going.holds()
    assert hold["target"] == rollout["target"]
    assert f"{back['id']} took prod back to {first}, for anna: Wrong data." in hold["reason"]
    assert f"mlrelease freeze delete {hold['id']}" in hold["reason"]


def test_automation_that_asks_for_the_bad_one_again_is_told_why_it_waits(going: Going) -> None:
    going.release()
    going.release()
    going.went_back()

    again = going.platform.prepared()

    assert again["status"] == "scheduled"
    assert "On hold: churn-3 took prod back to churn-1, for anna: Wrong data." in again["sentence"]
    going.lift()
    going.platform.worker.look(again["id"], "prod")
    assert going.platform.look(again["id"])["status"] == "queued"


def test_warm_deployment_that_others_changed_is_made_anew(going: Going) -> None:
    first = going.release()
    going.release()
    name = deployment(going, first)
    going.there[name] = going.there[name].model_copy(update={"environment": "azureml:env:4"})

    back = going.went_back()

    (rollout,) = back["rollouts"]
    assert "create_deployment" in [step["key"] for step in rollout["steps"]]
    assert rollout["deployment"] != name


def test_twice_in_a_row_goes_one_further_back_and_leaves_one_hold(going: Going) -> None:
    first, second, _ = going.release(), going.release(), going.release()

    backs = [going.went_back(), going.went_back()]

    assert [each["source"]["release"] for each in backs] == [second, first]
    (hold,) = going.holds()
    assert backs[1]["id"] in hold["reason"]
    nothing = going.ask()
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_go_back_to")


def test_deployment_that_is_gone_is_made_anew_under_the_rollbacks_name(going: Going) -> None:
    first = going.release()
    going.release()
    del going.there[deployment(going, first).lower()]

    back = going.went_back()

    (rollout,) = back["rollouts"]
    keys = [step["key"] for step in rollout["steps"]]
    assert {"register_model", "create_deployment", "confirm_serving"} <= set(keys)
    assert "retire_deployments" not in keys
    assert rollout["deployment"] != deployment(going, first)
    plan = going.platform.plan_of(back["id"])
    assert plan["model"]["digest"] == going.platform.plan_of(first)["model"]["digest"]
    going.lift()
    going.release()
    again = going.went_back()
    assert again["source"]["release"] == first
    assert again["rollouts"][0]["deployment"] == rollout["deployment"], "what was made anew is found again"


def test_what_waits_there_is_superseded(going: Going) -> None:
    going.release()
    going.release()
    queued = going.platform.prepared()

    back = going.back()

    waited = going.platform.look(queued["id"])
    assert (waited["status"], waited["sentence"]) == ("superseded", f"prod: Superseded by {back['id']}.")
    assert back["status"] == "queued"


def test_what_runs_there_is_stopped_and_what_it_would_have_replaced_serves(going: Going) -> None:
    """Asked while a release is on its way, it is that release that is gone back from, wherever it has got to."""
    going.release()
    second = going.release()
    running = going.platform.prepared()
    worker = going.platform.worker

    with worker.under_way(running["id"], "prod", at="create_deployment") as under_way:
        back = going.back()
        assert back["status"] == "queued"
        assert under_way.end() is Status.CANCELLED
    worker.complete(back["id"], "prod")

    assert back["source"]["release"] == second
    stopped = going.platform.look(running["id"])
    assert stopped["status"] == "cancelled"
    retried = going.platform.anna.post(f"/v1/releases/{running['id']}/retry", json={})
    assert (retried.status_code, retried.json()["code"]) == (409, "overtaken"), "not past the hold"


def test_asked_twice_by_people_in_a_hurry_it_is_one_rollback_unless_another_release_is_named(going: Going) -> None:
    first, second, _ = going.release(), going.release(), going.release()
    asked = going.ask()

    again = going.ask()
    named = going.back(to=first)

    assert (again.status_code, again.json()["code"]) == (409, "rollback_under_way")
    assert f"{asked.json()['id']} goes back to {second} already" in again.json()["detail"]
    assert named["source"]["release"] == first
    assert going.platform.look(asked.json()["id"])["status"] == "superseded"


def test_only_what_has_served_there_can_be_gone_back_to(going: Going) -> None:
    first = going.release()
    never = going.platform.prepared()

    refused = [going.ask(to=never["id"]), going.ask(to="churn-99"), going.ask(to="fraud-1"), going.ask(reason=" ")]
    elsewhere = going.ask(target=TARGET.replace("churn", "other"), to=first)

    codes = [(each.status_code, each.json()["code"]) for each in [*refused, elsewhere]]
    assert codes == [
        (409, "never_served_there"),
        (404, "release_not_found"),
        (404, "release_not_found"),
        (422, "reason_missing"),
        (404, "target_not_found"),
    ]


def test_proof_that_fails_leaves_the_traffic_and_says_so(going: Going) -> None:
    going.release()
    going.release()
    back = going.back()

    going.platform.worker.fail(back["id"], "prod", at="reuse_deployment")

    failed = going.platform.look(back["id"])
    assert failed["sentence"] == "prod: reuse_deployment: Not this one. The traffic was not changed."
    assert going.holds() == []
    assert going.ask().status_code == 201, "it can be asked for again"


def test_people_are_asked_where_the_newest_definition_or_a_guardrail_says_so(going: Going, tmp_path: Path) -> None:
    going.release()
    going.release()
    going.platform.apply(stage() + "    rollback_approval: required\n")
    going.platform.apply(stage())  # to take it back does not decide it: nothing was released under that

    asked = going.back()
    assert asked["status"] == "pending_approval"
    assert going.platform.anna.post(f"/v1/releases/{asked['id']}/cancel", json={}).is_success
    rule = "{name: two, match: {workspace: ws-prod}, rollback_approval: {count: 2}}"
    going.platform.guarded_by(tmp_path / "guardrails.yml", f"rules: [{rule}]\n")
    guarded = going.back()

    assert guarded["status"] == "pending_approval"
    assert going.platform.plan_of(guarded["id"])["approval"]["count"] == 2


def test_release_that_failed_with_the_traffic_is_what_is_gone_back_from(going: Going) -> None:
    going.release()
    second = going.release()
    stuck = going.platform.prepared()
    going.platform.worker.fail(stuck["id"], "prod", at="publish_secrets")

    assert going.went_back()["source"]["release"] == second
    retried = going.platform.anna.post(f"/v1/releases/{stuck['id']}/retry", json={})
    assert (retried.status_code, retried.json()["code"]) == (409, "overtaken")


def test_first_release_is_taken_back_to_the_deployment_that_others_had_made(going: Going) -> None:
    found = Observed(
        traffic={"blue": 100},
        mirror={},
        deployments=(DeploymentFacts(name="blue", model="azureml:blue:1", instance_type="Standard_E2s_v3"),),
    )
    acts = going.platform.worker.hands.acts
    acts["churn-1:prod:create_endpoint"] = lambda _: Done("It is there.", observed=found)
    going.release()
    unknown = going.ask(deployment="green")
    gone = going.back()
    (blue,) = found.deployments
    going.there["blue"] = blue.model_copy(update={"model": "azureml:blue:2"})
    changed = going.back()
    going.there["blue"] = blue

    back = going.went_back(deployment="Blue")

    assert (unknown.status_code, unknown.json()["code"]) == (409, "deployment_not_on_record")
    assert gone["source"] == back["source"] == {"kind": "deployment", "deployment": "blue"}
    assert (gone["status"], gone["code"]) == ("failed", "deployment_deleted")
    assert (changed["status"], changed["code"]) == ("failed", "deployment_changed")
    assert "mlrelease targets adopt" in changed["sentence"]
    assert back["status"] == "succeeded"
    (rollout,) = back["rollouts"]
    assert rollout["deployment"] == "blue"
    assert rollout["steps"][0]["key"] == "reuse_deployment"
    assert "took prod back to blue" in going.holds()[0]["reason"]


def test_hold_keeps_out_what_comes_under_another_name_of_the_stage(going: Going) -> None:
    going.release()
    going.release()
    going.went_back()
    going.platform.apply(stage("production"))

    assert going.platform.prepared()["status"] == "scheduled"


def test_rollback_that_fails_once_it_serves_is_held_too(going: Going) -> None:
    going.release()
    going.release()
    back = going.back()

    going.platform.worker.fail(back["id"], "prod", at="publish_secrets")

    assert back["id"] in going.holds()[0]["reason"]
    assert going.platform.prepared()["status"] == "scheduled"


def test_what_came_while_people_were_asked_makes_way_once_they_approve(going: Going) -> None:
    going.platform.apply(stage() + "    rollback_approval: required\n")
    going.release()
    going.release()
    back = going.back()
    pushed = going.platform.prepared()

    assert (back["status"], pushed["status"]) == ("pending_approval", "queued")
    assert approve(going.platform.boris, back["id"], "prod").is_success
    assert going.platform.look(pushed["id"])["status"] == "superseded"


def test_what_others_made_is_gone_back_to_where_it_is_whatever_the_stage_is_called_or_where_it_is_by_now(
    going: Going,
) -> None:
    blue = DeploymentFacts(name="blue", model="azureml:blue:1", instance_type="Standard_E2s_v3")
    found = Observed(traffic={"blue": 100}, mirror={}, deployments=(blue,))
    acts = going.platform.worker.hands.acts
    acts["churn-1:prod:create_endpoint"] = lambda _: Done("It is there.", observed=found)
    going.release()
    going.there["blue"] = blue

    going.platform.apply(stage("production", endpoint="churn-new"))
    moved = going.ask(deployment="blue")
    going.platform.apply(stage("production"))
    renamed = going.back(deployment="blue")

    assert (moved.status_code, moved.json()["code"]) == (409, "stage_moved")
    assert [(each["stage"], each["target"]) for each in renamed["rollouts"]] == [("production", TARGET)]


def test_what_a_rollback_waits_to_use_again_is_not_idle(going: Going) -> None:
    going.platform.apply(stage(), "retention: {keep: 0}\n")
    first = going.release()
    going.release()
    idle = f"/v1/targets/{TARGET}/idle"
    before = as_json(going.platform.anna.get(idle))["items"]

    going.back()

    assert [each["release"] for each in before] == [first]
    assert as_json(going.platform.anna.get(idle))["items"] == []


def test_newer_release_does_not_come_in_place_of_a_rollback_that_waits_for_its_turn(going: Going) -> None:
    going.release()
    going.release()
    back = going.back()

    pushed = going.platform.prepared()
    going.platform.worker.complete(back["id"], "prod")
    going.platform.carried_out(pushed["id"])

    assert going.platform.look(pushed["id"])["status"] == "scheduled"
