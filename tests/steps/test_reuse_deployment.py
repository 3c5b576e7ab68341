"""A deployment that is there already gets the traffic again only if it is as it is on record."""

from typing import Any

import pytest

from app.steps.contract import Refused
from tests.steps.by_hand import delete, look_at
from tests.steps.fixtures import Team, confirming, moving, publishing, release_all, reusing, verifying

Json = dict[str, Any]


@pytest.fixture
def warm(team: Team, content: Json, registered: Json) -> Team:
    """A team whose rel-1 has served, and whose rel-2 serves."""
    assert registered["version"] == "1"
    release_all(team, content, "rel-1")
    team.outputs["made"] = team.outputs["create_deployment"]
    release_all(team, content, "rel-2", release=2)
    return team


def refusal(team: Team, config: Json) -> Refused:
    with pytest.raises(Refused) as refused:
        team.carry_out("reuse_deployment", config)
    return refused.value


def test_warm_deployment_is_found_verified_and_serves_again(warm: Team, content: Json) -> None:
    reused = warm.carry_out("reuse_deployment", reusing(warm, content, "rel-1"))
    warm.carry_out("verify_deployment", verifying(warm, content, "rel-1"))
    warm.carry_out("shift_traffic", moving(warm, "rel-1"))
    warm.carry_out("publish_secrets", publishing(warm))
    confirmed = warm.carry_out(
        "confirm_serving", {**confirming(warm, "rel-1", key_vault="kv-dev"), "made_by": "reuse_deployment"}
    )

    assert reused.changed is False
    assert reused.output == warm.outputs["made"]
    assert confirmed.output["traffic"] == look_at(warm).live_traffic == {"rel-1": 100}
    again = warm.carry_out("reuse_deployment", reusing(warm, content, "rel-1"))
    assert again.output == reused.output


def test_what_was_scaled_down_is_scaled_up_before_it_gets_traffic(warm: Team, content: Json) -> None:
    done = warm.carry_out("reuse_deployment", {**reusing(warm, content, "rel-1"), "instances": 2})

    assert (done.output["instance_count"], done.changed) == (2, True)
    assert "scaled up to 2 instances" in done.sentence
    again = warm.carry_out("reuse_deployment", {**reusing(warm, content, "rel-1"), "instances": 2})
    assert (again.changed, again.output) == (False, done.output), "to scale it has changed nothing else"


def test_content_that_nobody_knows_is_not_compared(warm: Team, content: Json) -> None:
    config = {**reusing(warm, content, "rel-1"), "digest": None}

    found = warm.carry_out("reuse_deployment", config)

    assert found.output["digest"] is None


def test_deployment_that_is_not_as_it_is_on_record_is_refused(warm: Team, content: Json) -> None:
    config = reusing(warm, content, "rel-1")
    other_content = refusal(warm, {**config, "digest": "sha256:other"})
    other_model = refusal(warm, {**config, "recorded": {**config["recorded"], "model": "azureml:another-model:7"}})
    other_release = refusal(warm, reusing(warm, content, "rel-2"))
    other_owner = refusal(warm, {**config, "owner": "another-model"})
    delete(warm, "rel-1")
    gone = refusal(warm, config)

    assert [each.code for each in (other_content, other_model, other_release, other_owner, gone)] == [
        "digest_mismatch",
        "deployment_changed",
        "deployment_changed",
        "not_ours",
        "deployment_deleted",
    ]
    assert "recorded is azureml:another-model:7" in other_model.sentence
    assert all(each.hint for each in (other_content, other_model, other_release, other_owner, gone))
    assert look_at(warm).live_traffic == {"rel-2": 100}
