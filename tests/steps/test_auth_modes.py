"""What is sent to an endpoint of each auth mode, and what of it is published."""

import time
from pathlib import Path
from typing import Any

import pytest
from azure.keyvault.secrets import SecretClient

from app.azureml.endpoints import get_endpoint
from app.azureml.scoring import Scoring
from app.azureml.scoring_credentials import ScoringCredential
from tests.azureml.fixtures import DEV
from tests.azureml.running import RunningEmulator
from tests.steps.fixtures import Team, creating_deployment, creating_endpoint, place, verifying

Json = dict[str, Any]


def make(team: Team, content: Json, *, auth_mode: str) -> Team:
    """The team, with deployment rel-1 at an endpoint of this auth mode."""
    Path(team.bundle, "endpoint.yml").write_text(f"auth_mode: {auth_mode}\n")
    team.carry_out("create_endpoint", creating_endpoint(team, digest=content["model_digest"]))
    team.carry_out("create_deployment", creating_deployment(team, content, "rel-1"))
    return team


@pytest.mark.parametrize("auth_mode", ["key", "aml_token", "aad_token"])
@pytest.mark.usefixtures("registered")
def test_golden_requests_are_sent_with_what_the_endpoint_takes(team: Team, content: Json, auth_mode: str) -> None:
    make(team, content, auth_mode=auth_mode)

    done = team.carry_out("verify_deployment", verifying(team, content, "rel-1"))

    assert team.outputs["create_endpoint"]["auth_mode"] == auth_mode
    assert done.output["passed"] == 2


@pytest.mark.usefixtures("registered")
def test_token_of_the_endpoint_is_renewed_before_it_expires(team: Team, content: Json) -> None:
    make(team, content, auth_mode="aml_token")
    ahead = 0.0
    credential = ScoringCredential(team.azure, DEV, team.endpoint, clock=lambda: time.time() + ahead)
    first = credential.value()
    until_another_second = int(time.time()) + 1  # a token made in the same second is the same token
    while time.time() < until_another_second:
        time.sleep(0.05)
    same = credential.value()
    ahead = 3600.0
    renewed = credential.value()

    assert first == same != renewed
    found = get_endpoint(team.azure, DEV, team.endpoint)
    assert found is not None
    with Scoring(team.azure, str(found.scoring_uri), secret=credential.value) as scoring:
        assert scoring.ask({"data": [1]}, deployment="rel-1").status == 200
    assert first not in repr(vars(credential))


@pytest.mark.parametrize("auth_mode", ["aml_token", "aad_token"])
def test_only_addresses_are_published_where_there_are_no_keys(
    team: Team, emulator: RunningEmulator, auth_mode: str
) -> None:
    Path(team.bundle, "endpoint.yml").write_text(f"auth_mode: {auth_mode}\n")
    team.carry_out("create_endpoint", creating_endpoint(team))

    done = team.carry_out("publish_secrets", {"workspace": place(), "endpoint": team.endpoint, "key_vault": "kv-dev"})

    assert f"uses tokens ({auth_mode}), so there are no keys to publish" in done.sentence
    assert done.output["secrets"] == [f"{team.endpoint}-scoring-uri", f"{team.endpoint}-swagger-uri"]
    vault = SecretClient(
        emulator.environment["KEY_VAULT_URL_TEMPLATE"].format(vault="kv-dev"),
        team.azure.credential,
        verify_challenge_resource=False,
    )
    stored = {each.name for each in vault.list_properties_of_secrets() if str(each.name).startswith(team.endpoint)}
    assert stored == set(done.output["secrets"])
