"""An endpoint's identity, where somebody made it: it is there, we may give it, and it may read the registry."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.azureml.fixtures import DEV
from tests.azureml.running import RunningEmulator
from tests.journeys.azure import Azure, looking_at
from tests.preflight.looks import as_principal, look
from tests.steps.fixtures import Json, Team, place

GROUP = f"/subscriptions/{DEV.subscription}/resourceGroups/rg-ml"
REGISTRY = f"{GROUP}/providers/Microsoft.MachineLearningServices/registries/reg-shared"
READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"


@pytest.fixture
def owner(emulator: RunningEmulator) -> Iterator[Azure]:
    with looking_at(emulator.environment, emulator.data) as azure:
        yield azure


@pytest.fixture
def identity(team: Team, owner: Azure) -> str:
    """The one that the team's endpoint is to run as; its ARM id. It has no rights."""
    made = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-{team.name}"
    owner.ask("PUT", made, {"location": "eastus"})
    _run_as(team, made)
    return made


def test_an_identity_that_may_not_read_the_registry_is_told_with_the_role(
    team: Team, owner: Azure, identity: str
) -> None:
    found = look(team)["endpoint_identity"]

    assert (found["outcome"], found["code"]) == ("failed", "endpoint_identity_not_permitted")
    assert f"id-{team.name}" in found["sentence"]
    assert "may not read registry reg-shared" in found["sentence"]
    assert "the role Reader at registry reg-shared" in found["hint"]

    _assign(owner, identity, READER, at=REGISTRY)

    assert look(team)["endpoint_identity"]["outcome"] == "passed"


def test_a_role_above_the_registry_counts_and_one_that_reads_nothing_does_not(
    team: Team, owner: Azure, identity: str
) -> None:
    _assign(owner, identity, "7f951dda-4ed3-4680-a7ca-43fe172d538d", at=REGISTRY)  # AcrPull
    assert look(team)["endpoint_identity"]["code"] == "endpoint_identity_not_permitted"

    _assign(owner, identity, READER, at=GROUP)

    assert look(team)["endpoint_identity"]["outcome"] == "passed"


@pytest.mark.usefixtures("identity")
def test_without_a_registry_it_needs_to_read_none(team: Team) -> None:
    assert look(team, workspace=place(), registry=None, key_vault="kv-dev")["endpoint_identity"]["outcome"] == "passed"


def test_an_identity_that_is_not_there_is_named(team: Team) -> None:
    _run_as(team, f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-nobody")

    found = look(team)["endpoint_identity"]

    assert (found["outcome"], found["code"]) == ("failed", "identity_not_found")
    assert "id-nobody" in found["sentence"]


@pytest.mark.usefixtures("identity")
def test_a_service_that_may_not_give_the_identity_is_told_which_role_it_lacks(
    team: Team, emulator: RunningEmulator
) -> None:
    found = look(as_principal(team, emulator, *_scientist()))["endpoint_identity"]

    assert (found["outcome"], found["code"]) == ("failed", "not_permitted")
    assert "Managed Identity Operator" in found["hint"]


def test_what_the_service_may_not_look_up_is_not_known(team: Team, emulator: RunningEmulator, identity: str) -> None:
    may_give = {"role": "Managed Identity Operator", "scope": identity}
    may_share = {"role": "AzureML Registry User", "scope": REGISTRY}

    found = look(as_principal(team, emulator, *_scientist(), may_give, may_share))["endpoint_identity"]

    assert (found["outcome"], found["code"]) == ("unknown", "role_assignments_hidden")
    assert "Microsoft.Authorization/*/read" in found["hint"]


def _scientist() -> list[Json]:
    return [{"role": "AzureML Data Scientist", "scope": GROUP}]


def _run_as(team: Team, identity: str) -> None:
    file = team.bundle / "endpoint.yml"
    given = f"identity:\n  type: user_assigned\n  user_assigned_identities:\n    - resource_id: {identity}\n"
    file.write_text(file.read_text() + given)


def _assign(owner: Azure, identity: str, role: str, *, at: str) -> None:
    principal = owner.ask("GET", identity)["properties"]["principalId"]
    definition = f"/subscriptions/{DEV.subscription}/providers/Microsoft.Authorization/roleDefinitions/{role}"
    properties: dict[str, Any] = {"principalId": principal, "roleDefinitionId": definition}
    path = f"{at}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
    owner.ask("PUT", path, {"properties": properties})
