"""Role definitions, role assignments and user-assigned identities, as Resource Manager has them."""

import uuid
from typing import Any

import pytest

from tests.emulator.conftest import GROUP, SUBSCRIPTION
from tests.emulator.running import RunningEmulator

_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
_REGISTRY = f"{_GROUP}/providers/Microsoft.MachineLearningServices/registries/reg-shared"
_DEFINITIONS = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions"
READER, REGISTRY_USER = "acdd72a7-3385-48ef-bd42-f606fba81ae7", "1823dd4f-9b8c-4ab6-ab4e-7397a3684615"


def assign(azure: RunningEmulator, principal: str, role: str, *, scope: str = _REGISTRY, name: str = "") -> Any:
    properties = {"principalId": principal, "roleDefinitionId": f"{_DEFINITIONS}/{role}"}
    path = f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name or uuid.uuid4()}"
    return azure.ask("PUT", path, {"properties": properties})


def as_principal(azure: RunningEmulator, made: dict[str, Any], method: str, path: str, body: Any = None) -> int:
    token = azure.token(client_id=made["client_id"], secret=made["secret"])
    answer = azure.client.request(method, path, json=body, headers={"Authorization": f"Bearer {token}"})
    return answer.status_code


def test_an_assigned_role_gives_its_rights_and_takes_them_away_again(azure: RunningEmulator) -> None:
    made = azure.new_principal("nobody-yet")
    assert as_principal(azure, made, "GET", _REGISTRY) == 403

    given = assign(azure, made["object_id"], READER)

    assert given.status_code == 201
    assert as_principal(azure, made, "GET", _REGISTRY) == 200
    assert as_principal(azure, made, "PUT", _REGISTRY, {"location": "eastus", "properties": {}}) == 403
    assert azure.ask("DELETE", given.json()["id"]).status_code == 200
    assert as_principal(azure, made, "GET", _REGISTRY) == 403


def test_a_custom_role_gives_what_it_lists_and_no_more(azure: RunningEmulator) -> None:
    made, role = azure.new_principal("publisher"), str(uuid.uuid4())
    actions = [f"Microsoft.MachineLearningServices/registries/{each}" for each in ("read", "assets/read")]
    properties = {"roleName": f"role {role}", "permissions": [{"actions": actions}], "assignableScopes": [_GROUP]}
    assert azure.ask("PUT", f"{_GROUP}/providers/Microsoft.Authorization/roleDefinitions/{role}", {"properties": properties}).status_code == 201  # fmt: skip
    assign(azure, made["object_id"], role)

    front_end = f"/mferp/managementfrontend{_REGISTRY}"
    assert as_principal(azure, made, "GET", f"{front_end}/models") == 200
    assert as_principal(azure, made, "PUT", f"{front_end}/models/m", {"properties": {}}) == 403


def test_an_identity_has_a_principal_that_stays(azure: RunningEmulator) -> None:
    path = f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-one"
    assert azure.ask("GET", path).status_code == 404

    first, again = (azure.ask("PUT", path, {"location": "eastus"}) for _ in "12")

    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["properties"] == again.json()["properties"] == azure.ask("GET", path).json()["properties"]
    assert azure.ask("DELETE", path).status_code == 200
    assert azure.ask("PUT", path, {"location": "eastus"}).json()["properties"] != first.json()["properties"]


def test_assignments_are_listed_at_the_scope_above_and_below(azure: RunningEmulator) -> None:
    whose = str(uuid.uuid4())
    assign(azure, whose, READER, scope=_GROUP)
    assign(azure, whose, REGISTRY_USER)

    def listed(scope: str, asked: str) -> int:
        path = f"{scope}/providers/Microsoft.Authorization/roleAssignments"
        return len(azure.ask("GET", path, params={"$filter": asked}).json()["value"])

    assert listed(_REGISTRY, f"atScope() and assignedTo('{whose}')") == 2
    assert listed(_GROUP, f"atScope() and assignedTo('{whose}')") == 1
    assert listed(_GROUP, f"principalId eq '{whose}'") == 2
    refused = azure.ask(
        "GET", f"{_GROUP}/providers/Microsoft.Authorization/roleAssignments", params={"$filter": "x eq 1"}
    )
    assert refused.status_code == 400


@pytest.mark.parametrize(
    ("role", "second", "status", "code"),
    [
        ("00000000-0000-0000-0000-000000000099", None, 400, "RoleDefinitionDoesNotExist"),
        (READER, "same", 409, "RoleAssignmentExists"),
        (READER, "other", 400, "RoleAssignmentUpdateNotPermitted"),
    ],
)
def test_what_azure_refuses_is_refused(
    azure: RunningEmulator, role: str, second: str | None, status: int, code: str
) -> None:
    whose, name = str(uuid.uuid4()), str(uuid.uuid4())
    answer = assign(azure, whose, role, name=name)
    if second == "same":
        answer = assign(azure, whose, role)
    elif second == "other":
        answer = assign(azure, whose, REGISTRY_USER, name=name)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_an_assignment_is_named_by_a_guid(azure: RunningEmulator) -> None:
    assert assign(azure, str(uuid.uuid4()), READER, name="mine").json()["error"]["code"] == "InvalidRoleAssignmentId"


def test_an_identity_is_given_to_an_endpoint_by_who_may(azure: RunningEmulator) -> None:
    workspace = f"{_GROUP}/providers/Microsoft.MachineLearningServices/workspaces/ws-dev"
    mine = f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-given"
    endpoint = {
        "location": "eastus",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {mine: {}}},
        "properties": {"authMode": "Key"},
    }
    path = f"{workspace}/onlineEndpoints/given"
    absent = azure.ask("PUT", path, endpoint)
    assert absent.json()["error"]["code"] == "FailedIdentityOperation"
    azure.ask("PUT", mine, {"location": "eastus"})
    scientist = azure.new_principal("scientist", {"role": "AzureML Data Scientist", "scope": workspace})
    assert as_principal(azure, scientist, "PUT", path, endpoint) == 403

    assign(azure, scientist["object_id"], "f1a07417-d97a-45cb-824c-7a7467783830", scope=mine)

    assert as_principal(azure, scientist, "PUT", path, endpoint) == 201


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"tenantId": "t"},
        {"tenantId": "t", "sku": {"family": "A", "name": "standard"}, "enablePurgeProtection": False},
        {"tenantId": "t", "sku": {"family": "A", "name": "standard"}, "softDeleteRetentionInDays": 3},
    ],
)
def test_a_vault_that_azure_would_not_make_is_refused(azure: RunningEmulator, properties: dict[str, Any]) -> None:
    path = f"{_GROUP}/providers/Microsoft.KeyVault/vaults/kv-refused"

    assert azure.ask("PUT", path, {"location": "eastus", "properties": properties}).status_code == 400


def test_a_registry_is_in_its_own_region(azure: RunningEmulator) -> None:
    path = f"{_GROUP}/providers/Microsoft.MachineLearningServices/registries/reg-elsewhere"
    body = {"location": "eastus", "properties": {"regionDetails": [{"location": "westus"}]}}

    assert azure.ask("PUT", path, body).status_code == 400
