"""Making the stage's endpoint, or seeing that it is ours."""

import time
from pathlib import Path

import pytest

from app.azureml.endpoints import begin_create_endpoint, get_endpoint
from app.azureml.errors import AzureMLError, NameTaken
from app.azureml.types import Endpoint
from app.planning.places import Place
from app.steps.contract import Interrupted, Refused
from tests.azureml.fixtures import DEV, PROD
from tests.azureml.running import RunningEmulator
from tests.steps.fixtures import Team, creating_endpoint


def test_endpoint_is_made_from_nothing(team: Team) -> None:
    done = team.carry_out("create_endpoint", creating_endpoint(team))

    assert done.changed is True
    assert done.output["endpoint"] == team.endpoint
    assert done.output["auth_mode"] == "key"
    assert done.output["scoring_uri"].endswith("/score")
    made = get_endpoint(team.azure, DEV, team.endpoint)
    assert made is not None
    assert made.tags == {"team": "a", **team.tags("sha256:any")}


def test_endpoint_of_ours_is_kept(team: Team) -> None:
    first = team.carry_out("create_endpoint", creating_endpoint(team))
    again = team.carry_out("create_endpoint", creating_endpoint(team, release=2))

    assert again.changed is False
    assert again.output == first.output


def test_endpoint_that_is_being_made_is_attached_to(team: Team, emulator: RunningEmulator) -> None:
    emulator.delay(endpoint=1.5)
    team.on_wait.append(lambda: setattr(team, "stop_after", 0))
    with pytest.raises(Interrupted):
        team.carry_out("create_endpoint", creating_endpoint(team))
    team.on_wait.clear()
    team.stop_after = None
    half_made = get_endpoint(team.azure, DEV, team.endpoint)

    done = team.carry_out("create_endpoint", creating_endpoint(team))

    assert half_made is not None
    assert half_made.state == "creating"
    assert done.output["scoring_uri"]


def test_endpoint_of_ours_that_failed_is_made_anew(team: Team, emulator: RunningEmulator) -> None:
    emulator.break_operation("endpoint", code="InternalServerError", message="No room at the inn.")
    with pytest.raises(AzureMLError, match="No room at the inn") as failed:
        team.carry_out("create_endpoint", creating_endpoint(team))

    done = team.carry_out("create_endpoint", creating_endpoint(team))

    assert failed.value.retryable is True
    assert done.changed is True
    assert _look(team).state == "succeeded"


def test_name_that_another_workspace_of_the_region_has_is_refused(team: Team) -> None:
    _make_by_hand(team, PROD, {})

    with pytest.raises(NameTaken, match=team.endpoint) as refused:
        team.carry_out("create_endpoint", creating_endpoint(team))

    assert refused.value.retryable is False
    assert "release.yml" in (refused.value.hint or "")


def test_endpoint_of_another_model_is_refused(team: Team) -> None:
    _make_by_hand(team, DEV, {"mlrelease.model": "somebody-elses"})

    with pytest.raises(Refused, match="somebody-elses") as refused:
        team.carry_out("create_endpoint", creating_endpoint(team))

    assert refused.value.code == "not_ours"


def test_empty_endpoint_that_a_person_made_is_taken_over(team: Team) -> None:
    _make_by_hand(team, DEV, {"owner": "ops"})

    done = team.carry_out("create_endpoint", creating_endpoint(team))

    assert done.changed is True
    assert _look(team).tags["mlrelease.model"] == team.name
    assert _look(team).tags["owner"] == "ops"


def test_endpoint_that_differs_is_refused_with_the_difference(team: Team) -> None:
    team.carry_out("create_endpoint", creating_endpoint(team))
    (team.bundle / "endpoint.yml").write_text("auth_mode: aml_token\n")

    with pytest.raises(Refused, match="auth_mode is key, expected aml_token") as refused:
        team.carry_out("create_endpoint", creating_endpoint(team))

    assert refused.value.code == "endpoint_differs"


def test_answer_that_was_lost_makes_no_second_endpoint(team: Team, emulator: RunningEmulator) -> None:
    emulator.break_request(f"onlineEndpoints/{team.endpoint}\\?", method="PUT", cut="after", times=3)
    with pytest.raises(AzureMLError) as lost:
        team.carry_out("create_endpoint", creating_endpoint(team))
    emulator.heal()

    team.carry_out("create_endpoint", creating_endpoint(team))

    assert lost.value.retryable is True
    assert _look(team).state == "succeeded"


def test_a_stage_s_settings_are_laid_over_the_file(team: Team) -> None:
    team.carry_out("create_endpoint", {**creating_endpoint(team), "settings_of": "prod"})

    tags = _look(team).tags
    assert (tags["team"], tags["cost-center"], tags["mlrelease.model"]) == ("a", "7", team.name)


def _look(team: Team) -> Endpoint:
    found = get_endpoint(team.azure, DEV, team.endpoint)
    assert found is not None
    return found


def _make_by_hand(team: Team, workspace: Place, tags: dict[str, str]) -> None:
    file: Path = team.bundle / "endpoint.yml"
    begin_create_endpoint(team.azure, workspace, team.endpoint, file=file, tags=tags)
    while (made := get_endpoint(team.azure, workspace, team.endpoint)) is None or not made.is_settled:
        time.sleep(0.1)
