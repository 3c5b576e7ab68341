"""A definition that asks for less than before decides that with the approval of those who were asked before: every way round."""

import pytest

from tests.api.conftest import on_sqlite
from tests.api.playing import approve, as_json
from tests.guardrails.playing import Platform, stage

pytestmark = on_sqlite

STRICT = "{groups: [risk], count: 1}"


@pytest.fixture
def strict(platform: Platform) -> Platform:
    """churn-1 serves in prod, approved by one of group risk."""
    platform.apply(stage(approval=STRICT))
    release = platform.prepared()
    assert release["status"] == "pending_approval"
    in_risk = {"Mlrelease-Groups": "risk"}
    approve_as_risk(platform, release["id"], in_risk)
    assert platform.carried_out(release["id"])["status"] == "succeeded"
    return platform


def approve_as_risk(platform: Platform, release: str, headers: dict[str, str], stage: str = "prod") -> None:
    digest = as_json(platform.boris.get(f"/v1/releases/{release}/rollouts/{stage}/plan"))["digest"]
    path = f"/v1/releases/{release}/rollouts/{stage}/approve"
    assert platform.boris.post(path, json={"plan_digest": digest}, headers=headers).is_success


def still_asks_risk(platform: Platform, release: str, stage: str = "prod") -> None:
    """Neither nobody nor anybody is enough."""
    assert platform.look(release)["status"] == "pending_approval"
    assert platform.plan_of(release, stage)["approval"]["groups"] == ["risk"]
    assert approve(platform.boris, release, stage).is_success
    assert platform.look(release)["status"] == "pending_approval"
    assert platform.carried_out(release, stage)["status"] == "pending_approval"


def test_policy_that_is_left_out_is_asked_for_all_the_same_and_the_plan_says_why(strict: Platform) -> None:
    strict.apply(stage(approval="none"))

    release = strict.prepared()["id"]

    still_asks_risk(strict, release)
    policy = strict.plan_of(release)["policy"]
    assert policy["declared"] is None
    assert policy["raised"][0] == {"by": "churn-1, which was released there", "in": ["approval"]}


def test_weaker_policy_counts_once_it_was_approved_under_the_old_one(strict: Platform) -> None:
    strict.apply(stage(approval="none"))
    release = strict.prepared()["id"]
    approve_as_risk(strict, release, {"Mlrelease-Groups": "risk"})
    assert strict.carried_out(release)["status"] == "succeeded"

    again = strict.prepared()

    assert again["status"] == "queued"
    assert strict.plan_of(again["id"])["policy"] is None


def test_dimension_that_is_weaker_alone_is_raised(strict: Platform) -> None:
    strict.apply(stage(approval="{groups: [risk], count: 1, self_approval: true}"))

    release = strict.prepared()["id"]

    plan = strict.plan_of(release)
    assert plan["approval"]["self_approval"] is False
    assert plan["policy"]["raised"][0]["in"] == ["self_approval"]


def test_other_name_of_the_stage_changes_nothing(strict: Platform) -> None:
    strict.apply(stage("live"))
    still_asks_risk(strict, strict.prepared()["id"], "live")


@pytest.mark.parametrize(
    "place",
    [{"workspace": "WS-PROD"}, {"resource_group": "RG-ml"}, {"endpoint": "Churn-PROD"}],
    ids=lambda each: next(iter(each)),
)
def test_target_written_in_another_case_changes_nothing(strict: Platform, place: dict[str, str]) -> None:
    strict.apply(stage("live", key_vault="kv-other", **place))
    still_asks_risk(strict, strict.prepared()["id"], "live")


def test_subscription_that_is_written_out_changes_nothing(strict: Platform) -> None:
    written = stage("live", key_vault="kv-other") + f"    subscription: {strict.worker.context.settings.subscription}\n"
    strict.apply(written)
    still_asks_risk(strict, strict.prepared()["id"], "live")


def test_other_model_that_takes_the_endpoint_over_asks_whom_this_one_asks(strict: Platform) -> None:
    strict.apply(stage(), model="fraud")
    still_asks_risk(strict, strict.prepared(model="fraud")["id"])


def test_stage_that_moves_to_a_new_endpoint_asks_whom_it_asked(strict: Platform) -> None:
    strict.apply(stage(endpoint="churn-new", key_vault="kv-new"))
    still_asks_risk(strict, strict.prepared()["id"])


def test_new_stage_that_publishes_to_the_same_vault_asks_whom_the_old_one_asked(strict: Platform) -> None:
    strict.apply(stage("live", endpoint="churn-new"))
    still_asks_risk(strict, strict.prepared()["id"], "live")


def test_endpoint_that_was_tried_out_before_it_is_prods_asks_whom_prod_asked(strict: Platform) -> None:
    strict.apply(stage("trial", endpoint="churn-new", key_vault="kv-trial"))
    strict.released(stage="trial")  # a place of its own: nobody is asked
    strict.apply(stage(endpoint="churn-new"))

    still_asks_risk(strict, strict.prepared()["id"])


def test_applying_twice_changes_nothing(strict: Platform) -> None:
    strict.apply(stage(approval="required"))
    strict.apply(stage(approval="none"))
    still_asks_risk(strict, strict.prepared()["id"])


def test_version_without_the_stage_in_between_changes_nothing(strict: Platform) -> None:
    strict.apply(stage("dev", endpoint="churn-dev", workspace="ws-dev", key_vault="kv-dev"))
    strict.apply(stage())
    still_asks_risk(strict, strict.prepared()["id"])


def test_old_version_that_is_named_in_the_request_asks_whom_the_newest_asks(platform: Platform) -> None:
    weak = platform.apply(stage())
    platform.released()
    platform.apply(stage(approval=STRICT))

    still_asks_risk(platform, platform.prepared(definition_version=weak)["id"])


def test_version_that_was_never_released_counts_too(platform: Platform) -> None:
    platform.apply(stage())
    platform.released()
    platform.apply(stage(approval=STRICT))
    platform.apply(stage())

    still_asks_risk(platform, platform.prepared()["id"])


def test_stages_in_another_order_change_nothing(strict: Platform) -> None:
    first = stage("first", endpoint="churn-first", workspace="ws-dev", key_vault="kv-dev")
    strict.apply(stage(), first)
    still_asks_risk(strict, strict.prepared()["id"])


def test_release_that_was_queued_before_the_policy_was_made_stricter_asks_when_it_begins(platform: Platform) -> None:
    platform.apply(stage())
    platform.released()
    queued = platform.prepared()
    assert queued["status"] == "queued"
    platform.apply(stage(approval=STRICT))

    assert platform.carried_out(queued["id"])["status"] == "pending_approval"
    still_asks_risk(platform, queued["id"])


def test_paused_release_that_is_resumed_asks_whom_the_newest_version_asks(platform: Platform) -> None:
    platform.apply(stage())
    platform.released()
    release = platform.prepared()["id"]
    assert platform.anna.post(f"/v1/releases/{release}/pause", json={}).is_success
    platform.apply(stage(approval=STRICT))

    assert platform.anna.post(f"/v1/releases/{release}/resume").is_success

    still_asks_risk(platform, release)


def test_what_was_begun_by_breaking_the_glass_was_not_approved(platform: Platform) -> None:
    with_glass = "{groups: [risk], break_glass: {count: 2}}"
    platform.apply(stage(approval=with_glass))
    first = platform.prepared()["id"]
    approve_as_risk(platform, first, {"Mlrelease-Groups": "risk"})
    platform.carried_out(first)
    platform.apply(stage())
    release = platform.prepared()["id"]
    for person in (platform.anna, platform.boris):
        assert approve(person, release, reason="It burns.", emergency=True).is_success
    assert platform.carried_out(release)["status"] == "succeeded"

    still_asks_risk(platform, platform.prepared()["id"])


def test_dry_run_says_who_will_be_asked_and_decides_nothing(strict: Platform) -> None:
    strict.apply(stage())

    plan = strict.planned()["stages"][0]["plan"]

    assert plan["approval"]["groups"] == ["risk"]
    still_asks_risk(strict, strict.prepared()["id"])


def test_release_that_failed_does_not_make_the_weaker_policy_count(strict: Platform) -> None:
    strict.apply(stage())
    release = strict.prepared()["id"]
    assert strict.boris.post(f"/v1/releases/{release}/rollouts/prod/reject", json={"reason": "no"}).is_success

    still_asks_risk(strict, strict.prepared()["id"])


def test_first_release_to_a_new_place_asks_whom_its_definition_names(platform: Platform) -> None:
    platform.apply(stage(approval=STRICT))
    platform.apply(stage())

    assert platform.prepared()["status"] == "queued"  # nothing serves there: guardrails are for that
