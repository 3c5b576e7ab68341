"""An endpoint that serves already, made by others: refused with the way to hand it over, and that way works."""

import re
import time
from pathlib import Path
from typing import Any

import pytest

from app.azureml.deployments import list_deployments
from app.azureml.endpoints import begin_add_tags, begin_create_endpoint
from app.steps.contract import Refused
from tests.azureml.fixtures import DEV
from tests.steps.by_hand import look_at, set_shares
from tests.steps.fixtures import (
    Team,
    confirming,
    creating_deployment,
    creating_endpoint,
    release_all,
    retiring,
)

Json = dict[str, Any]


def make_by_hand(team: Team, **tags: str) -> None:
    file = Path(team.bundle, "endpoint.yml")
    begin_create_endpoint(team.azure, DEV, team.endpoint, file=file, tags=tags)
    while not look_at(team).is_settled:
        time.sleep(0.05)


def tag_as_the_hint_says(team: Team, hint: str) -> None:
    said = re.search(r"--tags (\S+?)=(\S+) --resource-id (\S+?)\.? ", hint)
    assert said is not None, hint
    name, value, resource = said.groups()
    assert resource == f"{DEV.arm_id}/onlineEndpoints/{team.endpoint}"
    begin_add_tags(team.azure, DEV, team.endpoint, {name: value})
    while not look_at(team).is_settled:
        time.sleep(0.05)


def test_endpoint_of_others_is_handed_over_by_the_tag_that_the_refusal_names(
    team: Team, content: Json, registered: Json
) -> None:
    assert registered["version"] == "1"
    make_by_hand(team, owner="ops")
    blue = {**creating_deployment(team, content, "blue"), "tags": {"mlrelease.release": "somebody"}}
    team.carry_out("create_deployment", blue)
    set_shares(team, {"blue": 100})
    with pytest.raises(Refused, match="deployments of another origin: blue") as refused:
        team.carry_out("create_endpoint", creating_endpoint(team))
    untouched = look_at(team)

    tag_as_the_hint_says(team, refused.value.hint or "")
    release_all(team, content, "rel-1")
    retired = team.carry_out("retire_deployments", retiring(team, "rel-1", keep=0))
    team.carry_out("confirm_serving", confirming(team, content, "rel-1"))

    assert refused.value.code == "not_ours"
    assert untouched.tags == {"team": "a", "owner": "ops"}
    assert retired.output["deleted"] == []
    assert look_at(team).live_traffic == {"rel-1": 100}
    assert look_at(team).tags["owner"] == "ops"
    assert {each.name for each in list_deployments(team.azure, DEV, team.endpoint)} == {"blue", "rel-1"}


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
