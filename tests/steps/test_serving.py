"""From a deployment without traffic to one that serves: verify, shift, publish, retire."""

import json
from typing import Any

import httpx
import pytest
from azure.keyvault.secrets import SecretClient

from app.azureml.deployments import list_deployments
from app.azureml.endpoints import get_endpoint, read_keys
from app.azureml.errors import AzureMLError
from app.azureml.scoring import Scoring
from app.azureml.scoring_credentials import ScoringCredential
from app.azureml.types import Endpoint
from app.steps.contract import Refused
from tests.azureml.fixtures import DEV
from tests.azureml.running import RunningEmulator
from tests.steps.by_hand import set_shares
from tests.steps.fixtures import (
    Team,
    creating_deployment,
    creating_endpoint,
    moving,
    place,
    release_all,
    retiring,
    verifying,
)

Json = dict[str, Any]


@pytest.fixture
def made(team: Team, content: Json, registered: Json) -> Team:
    """A team with deployment r1 at 0%."""
    team.carry_out("create_endpoint", creating_endpoint(team, digest=content["model_digest"]))
    team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))
    assert registered["version"] == "1"
    return team


def test_right_answers_are_verified_by_name_without_traffic(made: Team, content: Json) -> None:
    done = made.carry_out("verify_deployment", verifying(made, content, "rel-1"))

    assert (done.output["requests"], done.output["passed"]) == (2, 2)
    assert 0 < done.output["median_ms"] <= done.output["max_ms"]
    assert _look(made).traffic == {"rel-1": 0}


def test_wrong_answer_is_refused_and_shown(made: Team, content: Json) -> None:
    golden = [
        {"request": {"data": [1]}, "expect": {"predictions": [3]}},
        {"request": {"data": [2]}, "expect": {"predictions": [7]}},
    ]
    (made.bundle / "golden.json").write_text(json.dumps(golden))

    with pytest.raises(Refused) as refused:
        made.carry_out("verify_deployment", verifying(made, content, "rel-1"))

    assert refused.value.code == "golden_mismatch"
    assert refused.value.details["number"] == 2
    assert refused.value.details["got"] == '{"predictions": [6]}'


def test_deployment_of_another_content_is_not_verified(made: Team, content: Json) -> None:
    with pytest.raises(Refused) as refused:
        made.carry_out("verify_deployment", {**verifying(made, content, "rel-1"), "digest": "sha256:other"})

    assert refused.value.code == "digest_mismatch"


def test_traffic_is_shifted_and_everything_else_kept(made: Team) -> None:
    before = _look(made)

    done = made.carry_out("shift_traffic", moving(made, "rel-1"))
    again = made.carry_out("shift_traffic", moving(made, "rel-1"))

    after = _look(made)
    assert (done.changed, again.changed) == (True, False)
    assert done.output == {
        "before": {"rel-1": 0},
        "after": {"rel-1": 100},
        "mirror_before": {},
        "mirror_after": {},
    }
    assert after.traffic == {"rel-1": 100}
    assert after.auth_mode == before.auth_mode
    assert {**before.tags, "mlrelease.served": "rel-1"} == after.tags
    assert _ask(made, {"data": [5]}) == {"predictions": [15]}


def test_traffic_is_not_given_to_what_is_not_there(made: Team) -> None:
    with pytest.raises(Refused) as refused:
        made.carry_out("shift_traffic", moving(made, "rel-2"))

    assert refused.value.code == "deployment_deleted"
    assert _look(made).traffic == {"rel-1": 0}


def test_traffic_is_not_given_to_what_failed(made: Team, content: Json, emulator: RunningEmulator) -> None:
    emulator.break_operation("deployment", code="BadArgument", message="No.")
    with pytest.raises(AzureMLError):
        made.carry_out("create_deployment", creating_deployment(made, content, "rel-2", release=2))

    with pytest.raises(Refused, match="failed"):
        made.carry_out("shift_traffic", moving(made, "rel-2"))


def test_half_shifted_traffic_is_shifted_to_the_end(made: Team, content: Json) -> None:
    made.carry_out("shift_traffic", moving(made, "rel-1"))
    made.carry_out("create_deployment", creating_deployment(made, content, "rel-2", release=2))
    set_shares(made, {"rel-1": 50, "rel-2": 50})

    done = made.carry_out("shift_traffic", moving(made, "rel-2"))

    assert done.output["before"] == {"rel-1": 50, "rel-2": 50}
    assert _look(made).traffic == {"rel-1": 0, "rel-2": 100}


def test_secrets_are_published_once_and_seen_nowhere(made: Team, emulator: RunningEmulator) -> None:
    config = {"workspace": place(), "endpoint": made.endpoint, "key_vault": "kv-dev"}

    done = made.carry_out("publish_secrets", config)
    again = made.carry_out("publish_secrets", config)

    keys = read_keys(made.azure, DEV, made.endpoint)
    assert keys is not None
    vault = SecretClient(
        emulator.environment["KEY_VAULT_URL_TEMPLATE"].format(vault="kv-dev"),
        made.azure.credential,
        verify_challenge_resource=False,
    )
    names = ["scoring-uri", "swagger-uri", "primary-key", "secondary-key"]
    stored = {name: vault.get_secret(f"{made.endpoint}-{name}").value for name in names}
    assert (done.changed, again.changed) == (True, False)
    assert done.output == {"key_vault": "kv-dev", "secrets": [f"{made.endpoint}-{name}" for name in names]}
    assert stored["scoring-uri"] == _look(made).scoring_uri
    assert (stored["primary-key"], stored["secondary-key"]) == (keys.primary, keys.secondary)
    for key in (keys.primary, keys.secondary):
        assert key not in f"{done} {again} {keys} {made.reports}"


def test_vault_that_is_not_there_is_an_error_without_a_secret(made: Team) -> None:
    config = {"workspace": place(), "endpoint": made.endpoint, "key_vault": "kv-nowhere"}

    with pytest.raises(AzureMLError, match="kv-nowhere") as failed:
        made.carry_out("publish_secrets", config)

    keys = read_keys(made.azure, DEV, made.endpoint)
    assert keys is not None
    assert keys.primary not in str(failed.value)
    assert failed.value.__cause__ is None


def test_releases_keep_the_last_that_served_and_no_older_one(made: Team, content: Json) -> None:
    made.carry_out("shift_traffic", moving(made, "rel-1"))
    first = made.carry_out("retire_deployments", retiring(made, "rel-1"))
    release_all(made, content, "rel-2", release=2)
    second = made.carry_out("retire_deployments", retiring(made, "rel-2"))
    release_all(made, content, "rel-3", release=3)
    third = made.carry_out("retire_deployments", retiring(made, "rel-3"))
    again = made.carry_out("retire_deployments", retiring(made, "rel-3"))

    assert (first.output["deleted"], first.changed) == ([], False)
    assert second.output == {"deleted": [], "kept": ["rel-1", "rel-2"]}
    assert third.output == {"deleted": ["rel-1"], "kept": ["rel-2", "rel-3"]}
    assert again.changed is False
    assert _look(made).traffic == {"rel-2": 0, "rel-3": 100}
    assert _look(made).tags["mlrelease.served"] == "rel-3 rel-2 rel-1"
    assert _ask(made, {"data": [1]}) == {"predictions": [3]}


def test_deployments_of_others_are_never_touched(made: Team, content: Json) -> None:
    foreign = {**creating_deployment(made, content, "handmade"), "tags": {"mlrelease.release": "somebody"}}
    made.carry_out("create_deployment", foreign)
    made.carry_out("shift_traffic", moving(made, "rel-1"))

    done = made.carry_out("retire_deployments", retiring(made, "rel-1", keep=0))

    assert done.output["deleted"] == []
    assert {each.name for each in list_deployments(made.azure, DEV, made.endpoint)} == {"rel-1", "handmade"}


def test_scoring_uri_is_reached_with_the_local_authority_only(made: Team) -> None:
    with pytest.raises(httpx.ConnectError):
        httpx.post(str(_look(made).scoring_uri), json={"data": [1]}, trust_env=False)


def _look(team: Team) -> Endpoint:
    found = get_endpoint(team.azure, DEV, team.endpoint)
    assert found is not None
    return found


def _ask(team: Team, request: Json) -> Any:
    credential = ScoringCredential(team.azure, DEV, team.endpoint)
    with Scoring(team.azure, str(_look(team).scoring_uri), secret=credential.value) as scoring:
        answer = scoring.ask(request)
    assert answer.status == 200, answer
    return answer.body
