"""Drift is shown, looked for on demand, and undone: what is on record comes back, and nothing else."""

from typing import Any

import pytest

from app.planning.observed import DeploymentFacts, Observed
from app.serving.scans import recorded_at
from tests.api.playing import as_json
from tests.drift.there import TARGET, adopted, endpoint, foreign, put_there, scan, stored
from tests.guardrails.playing import Platform, stage
from tests.rollbacks.going_back import Going

Json = dict[str, Any]


@pytest.fixture
def going(platform: Platform) -> Going:
    """churn-1 serves in prod, and Azure has what is on record."""
    platform.apply(stage())
    going = Going(platform)
    going.release()
    put_there(platform, record(platform))
    scan(platform)
    return going


def record(platform: Platform) -> Observed:
    with platform.worker.database.read() as session:
        from_record = recorded_at(session, stored(platform))
    return from_record.model_copy(update={"endpoint": endpoint()})


def drift(going: Going) -> Json:
    return as_json(going.platform.anna.get(f"/v1/targets/{TARGET}/drift"))


def revert(going: Going) -> Any:
    return going.platform.anna.post(f"/v1/targets/{TARGET}/revert", json={"reason": "Nobody approved that."})


def test_drift_is_shown_as_it_was_last_compared_and_looked_for_on_demand(going: Going) -> None:
    in_line = drift(going)
    put_there(going.platform, record(going.platform).model_copy(update={"traffic": {}}))

    asked = as_json(going.platform.anna.post(f"/v1/targets/{TARGET}/drift"))
    scan(going.platform)
    found = drift(going)

    assert (in_line["differences"], in_line["problem"]) == ([], None)
    assert asked["scanned_at"] == in_line["scanned_at"]
    assert found["scanned_at"] > in_line["scanned_at"]
    assert [each["kind"] for each in found["differences"]] == ["traffic"]
    assert found["drifted_at"] is not None


def test_revert_uses_the_deployment_again_that_is_as_it_was(going: Going) -> None:
    nothing = revert(going)
    put_there(going.platform, record(going.platform).model_copy(update={"traffic": {}}))
    as_json(going.platform.anna.post(f"/v1/targets/{TARGET}/drift"))
    scan(going.platform)

    asked = as_json(revert(going))
    going.platform.worker.prepare(asked["id"])
    going.platform.worker.complete(asked["id"], "prod")
    done = going.platform.look(asked["id"])

    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_to_revert")
    assert (done["purpose"], done["status"]) == ("revert", "succeeded")
    assert "reuse_deployment" in [step["kind"] for step in done["rollouts"][0]["steps"]]
    assert going.holds() == []


def test_deployment_that_was_changed_is_made_anew(going: Going) -> None:
    there = record(going.platform)
    (made,) = there.deployments
    changed = DeploymentFacts.model_validate({**made.model_dump(), "tags": {}})
    put_there(going.platform, there.model_copy(update={"deployments": (changed,)}))
    as_json(going.platform.anna.post(f"/v1/targets/{TARGET}/drift"))
    scan(going.platform)

    asked = as_json(revert(going))
    going.platform.worker.prepare(asked["id"])
    kinds = [step["kind"] for step in going.platform.look(asked["id"])["rollouts"][0]["steps"]]

    assert [each["kind"] for each in drift(going)["differences"]] == ["tags"]
    assert "create_deployment" in kinds
    assert "retire_deployments" not in kinds


def test_revert_is_approved_under_the_policy_of_the_stage_and_supersedes_nothing(going: Going) -> None:
    going.platform.apply(stage(approval="required"))
    waits = going.platform.prepared()
    put_there(going.platform, record(going.platform).model_copy(update={"traffic": {}}))
    as_json(going.platform.anna.post(f"/v1/targets/{TARGET}/drift"))
    scan(going.platform)

    asked = as_json(revert(going))
    going.platform.worker.prepare(asked["id"])

    assert going.platform.look(asked["id"])["status"] == "pending_approval"
    assert going.platform.look(waits["id"])["status"] == "pending_approval"


def test_target_that_a_rollout_moves_is_neither_compared_nor_reverted(going: Going) -> None:
    release = going.platform.prepared()

    with going.platform.worker.under_way(release["id"], "prod", at="create_endpoint"):
        answers = [going.platform.anna.post(f"/v1/targets/{TARGET}/drift"), revert(going)]
        moved_by = drift(going)["moved_by"]

    assert [(each.status_code, each.json()["code"]) for each in answers] == [(409, "target_is_moved")] * 2
    assert moved_by == f"{release['id']}:prod"


def test_what_others_made_and_what_is_adopted_can_be_brought_back(platform: Platform) -> None:
    platform.apply(stage())
    put_there(platform, foreign())
    platform.carried_out(adopted(platform)["id"])
    put_there(platform, foreign(traffic={}))
    scan(platform)

    asked = as_json(platform.anna.post(f"/v1/targets/{TARGET}/revert", json={"reason": "Nobody approved that."}))

    assert asked["source"] == {"kind": "deployment", "deployment": "blue"}
    assert asked["purpose"] == "revert"


def differing(going: Going) -> None:
    """Somebody took all traffic away, and it was noticed."""
    put_there(going.platform, record(going.platform).model_copy(update={"traffic": {}}))
    as_json(going.platform.anna.post(f"/v1/targets/{TARGET}/drift"))
    scan(going.platform)


def test_revert_does_not_take_back_what_was_released_after_it_was_asked_for(going: Going) -> None:
    newer = going.platform.prepared()
    differing(going)
    asked = as_json(revert(going))
    going.platform.worker.prepare(asked["id"])
    going.made(newer)

    late = going.platform.carried_out(asked["id"])

    assert (late["status"], late["sentence"]) == ("superseded", f"prod: Superseded by {newer['id']}.")


def test_revert_that_waits_for_people_does_not_keep_anybody_from_going_back(going: Going) -> None:
    going.platform.apply(stage(approval="required"))
    second = going.platform.released()["id"]
    differing(going)
    asked = as_json(revert(going))
    going.platform.worker.prepare(asked["id"])

    back = going.back()

    assert asked["source"]["release"] == second
    assert back["source"]["release"] == "churn-1"
    assert going.platform.look(asked["id"])["status"] == "superseded"


def test_release_that_did_not_get_through_is_not_brought_back(going: Going) -> None:
    stuck = going.platform.prepared()
    going.platform.worker.fail(stuck["id"], "prod", at="publish_secrets")
    differing(going)

    refused = revert(going)

    assert (refused.status_code, refused.json()["code"]) == (409, "never_served_there")
