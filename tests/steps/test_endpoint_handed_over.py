"""An endpoint that serves already, made by others: refused with the way to take it in, and that way works."""

import time
from pathlib import Path
from typing import Any

import pytest

from app.azureml.deployments import list_deployments
from app.azureml.endpoints import begin_create_endpoint
from app.planning.places import Target
from app.steps.contract import Refused
from app.steps.read_target import read_target
from tests.azureml.fixtures import DEV
from tests.steps.by_hand import look_at, set_shares
from tests.steps.fixtures import (
    Team,
    confirming,
    creating_deployment,
    creating_endpoint,
    place,
    release_all,
    retiring,
)

Json = dict[str, Any]


def make_by_hand(team: Team, **tags: str) -> None:
    file = Path(team.bundle, "endpoint.yml")
    begin_create_endpoint(team.azure, DEV, team.endpoint, file=file, tags=tags)
    while not look_at(team).is_settled:
        time.sleep(0.05)


def adopting(team: Team) -> Json:
    """As a plan has it that was made now."""
    found = read_target(team.azure, Target(place=DEV, endpoint=team.endpoint)).observed
    return {"workspace": place(), "endpoint": team.endpoint, "model": team.name, "found": found.model_dump(mode="json")}


@pytest.fixture
def foreign(team: Team, content: Json, registered: Json) -> Team:
    """A team whose endpoint others made; their deployment blue serves there."""
    assert registered["version"] == "1"
    make_by_hand(team, owner="ops")
    team.carry_out("create_deployment", {**creating_deployment(team, content, "blue"), "tags": {}})
    set_shares(team, {"blue": 100})
    return team


def test_endpoint_of_others_is_taken_in_as_the_refusal_says_and_the_next_release_leaves_what_served_there(
    foreign: Team, content: Json
) -> None:
    team = foreign
    with pytest.raises(Refused, match="deployments of another origin: blue") as refused:
        team.carry_out("create_endpoint", creating_endpoint(team))
    config = adopting(team)

    adopted = team.carry_out("adopt_target", config)
    again = team.carry_out("adopt_target", config)
    tagged = look_at(team)
    release_all(team, content, "rel-1")
    retired = team.carry_out("retire_deployments", retiring(team, "rel-1", keep=0))
    team.carry_out("confirm_serving", confirming(team, "rel-1"))

    assert f"mlrelease targets adopt {team.name} dev" in (refused.value.hint or "")
    assert (adopted.changed, again.changed) == (True, False)
    assert tagged.tags == {"team": "a", "owner": "ops", "mlrelease.model": team.name}
    assert tagged.live_traffic == {"blue": 100}
    assert adopted.observed is not None
    assert adopted.observed.traffic == {"blue": 100}
    assert [(each.name, each.release) for each in adopted.observed.deployments] == [("blue", None)]
    assert adopted.observed.endpoint is not None
    assert adopted.observed.endpoint.tags["mlrelease.model"] == team.name
    assert retired.output["deleted"] == []
    assert look_at(team).live_traffic == {"rel-1": 100}
    assert look_at(team).tags["owner"] == "ops"
    assert {each.name for each in list_deployments(team.azure, DEV, team.endpoint)} == {"blue", "rel-1"}


def test_endpoint_that_was_changed_since_it_was_looked_at_is_not_adopted(foreign: Team) -> None:
    config = adopting(foreign)
    set_shares(foreign, {"blue": 0})

    with pytest.raises(Refused, match="is none, recorded is blue 100%") as refused:
        foreign.carry_out("adopt_target", config)

    assert refused.value.code == "target_changed"
    assert "mlrelease.model" not in look_at(foreign).tags


def test_endpoint_of_another_model_is_handed_over_only_if_that_has_given_it_up(team: Team) -> None:
    make_by_hand(team, **{"mlrelease.model": "other-model"})

    with pytest.raises(Refused) as refused:
        team.carry_out("create_endpoint", creating_endpoint(team))

    assert "If other-model has given it up" in (refused.value.hint or "")


def test_endpoint_that_differs_is_refused_with_what_to_write(team: Team) -> None:
    make_by_hand(team)
    Path(team.bundle, "endpoint.yml").write_text("auth_mode: aml_token\n")

    with pytest.raises(Refused) as refused:
        team.carry_out("create_endpoint", creating_endpoint(team))

    assert "Write auth_mode: key and public_network_access: enabled into endpoint.yml" in (refused.value.hint or "")
    assert "mlrelease.model" not in (refused.value.hint or "")
