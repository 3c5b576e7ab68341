"""The last look: whatever somebody changed behind the release is said, with a code of its own."""

from collections.abc import Callable
from typing import Any

import pytest

from app.steps.contract import Refused
from tests.steps.by_hand import delete, delete_endpoint, regenerate_key, set_shares, tag_deployment
from tests.steps.fixtures import Team, confirming, creating_deployment, publishing, release_all

Json = dict[str, Any]


@pytest.fixture
def released(team: Team, content: Json, registered: Json) -> Team:
    """A team whose rel-1 serves, with its secrets published."""
    assert registered["version"] == "1"
    release_all(team, content, "rel-1")
    team.carry_out("publish_secrets", publishing(team))
    return team


def refusal(team: Team, config: Json) -> Refused:
    with pytest.raises(Refused) as refused:
        team.carry_out("confirm_serving", config)
    return refused.value


def test_what_was_changed_behind_the_release_is_said_until_it_is_as_it_was(released: Team) -> None:
    team, config = released, confirming(released, "rel-1", key_vault="kv-dev")
    first = team.carry_out("confirm_serving", config)
    assert first.output["traffic"] == {"rel-1": 100}
    assert first.changed is False

    set_shares(team, {"rel-1": 0})
    stopped = refusal(team, config)
    set_shares(team, {"rel-1": 100})
    regenerate_key(team)
    rotated = refusal(team, config)
    without_vault = team.carry_out("confirm_serving", confirming(team, "rel-1"))
    team.carry_out("publish_secrets", publishing(team))
    team.carry_out("confirm_serving", config)
    tag_deployment(team, "rel-1", mlrelease_digest="sha256:other")
    another = refusal(team, config)

    assert (stopped.code, rotated.code, another.code) == ("traffic_changed", "secrets_outdated", "digest_mismatch")
    assert "no deployment has any" in stopped.sentence
    assert f"{team.endpoint}-primary-key" in rotated.sentence
    assert f"{team.endpoint}-secondary-key" not in rotated.sentence
    assert without_vault.changed is False
    assert all(each.hint for each in (stopped, rotated, another))


def test_traffic_that_went_to_another_deployment_is_said_with_its_name(released: Team, content: Json) -> None:
    released.carry_out("create_deployment", creating_deployment(released, content, "rel-0", release=0))
    set_shares(released, {"rel-0": 100})
    released.carry_out("create_deployment", creating_deployment(released, content, "rel-1"))

    refused = refusal(released, confirming(released, "rel-1"))

    assert refused.code == "traffic_changed"
    assert "rel-1 has 0%" in refused.sentence
    assert "rel-0 has 100%" in refused.sentence
    assert refused.observed is not None
    assert refused.observed.traffic == {"rel-0": 100}, "what was read back is on record"


def _delete_deployment(team: Team) -> None:
    set_shares(team, {"rel-1": 0})
    delete(team, "rel-1")


@pytest.mark.parametrize(
    ("act", "code"), [(_delete_deployment, "deployment_deleted"), (delete_endpoint, "endpoint_not_found")]
)
def test_what_is_gone_is_said(released: Team, act: Callable[[Team], None], code: str) -> None:
    act(released)

    assert refusal(released, confirming(released, "rel-1", key_vault="kv-dev")).code == code


def test_deployment_that_is_not_the_one_that_was_made_is_said(released: Team) -> None:
    made = released.outputs["create_deployment:rel-1"]
    released.outputs["create_deployment:rel-1"] = {**made, "model": "azureml:another-model:7"}

    refused = refusal(released, confirming(released, "rel-1"))

    assert refused.code == "deployment_changed"
    assert "recorded is azureml:another-model:7" in refused.sentence
