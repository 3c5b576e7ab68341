"""What the templates make of Azure ML, sent to the emulator as Resource Manager would be sent it."""

import re
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.emulator.running import RunningEmulator, running_emulator
from tests.infra.bicep import Resource
from tests.infra.deployed import SUBSCRIPTION, environment, platform

# The other providers are none of the emulator's: their resources are named in bodies, and not looked up.
PROVIDERS = ("Microsoft.MachineLearningServices/", "Microsoft.KeyVault/", "Microsoft.ManagedIdentity/", "Microsoft.Authorization/")  # fmt: skip
ML = "Microsoft.MachineLearningServices"
_LATER = re.compile(r"(/subscriptions/\S+)\.properties\.(\w+)")


@pytest.fixture(scope="module")
def azure() -> Iterator[RunningEmulator]:
    """Without the registry that a new one has: names of registries are unique."""
    with tempfile.TemporaryDirectory() as folder, running_emulator(Path(folder)) as running:
        seeded = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ml/providers/{ML}"
        for each in ("registries/reg-shared", "workspaces/ws-dev", "workspaces/ws-prod"):
            assert running.ask("DELETE", f"{seeded}/{each}").is_success
        yield running


@pytest.fixture(scope="module")
def deployed(azure: RunningEmulator) -> dict[str, dict[str, Any]]:
    """Everything that the emulator has a notion of, in order, each by its id."""
    for group in ("rg-mlrelease", "rg-ml-dev", "rg-ml-prod"):
        azure.ask("PUT", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}", {"location": "eastus"})
    made: dict[str, dict[str, Any]] = {}
    for template in (platform(), environment("dev"), environment("prod")):
        for resource in template.resources:
            if _is_emulated(resource) and resource.id not in made:
                body = _filled(resource.body, made)
                answer = azure.ask("PUT", f"{resource.id}?api-version={resource.version}", body)
                assert answer.status_code in (200, 201, 202), f"{resource.id}: {answer.text}"
                made[resource.id] = answer.json()
    return made


def test_everything_of_azure_ml_is_taken(deployed: dict[str, dict[str, Any]]) -> None:
    kinds = {each.get("type") for each in deployed.values()}

    assert {f"{ML}/workspaces", f"{ML}/workspaces/computes", f"{ML}/registries"} <= kinds


def test_a_second_deployment_changes_nothing(azure: RunningEmulator, deployed: dict[str, dict[str, Any]]) -> None:
    for resource in environment("prod").resources:
        if _is_emulated(resource) and resource.id in deployed:
            answer = azure.ask("PUT", f"{resource.id}?api-version={resource.version}", _filled(resource.body, deployed))
            assert answer.is_success, answer.text
            assert answer.json().get("properties", {}).get("principalId") == deployed[resource.id]["properties"].get(
                "principalId"
            )


def test_the_worker_can_do_what_it_must_and_cannot_what_it_must_not(
    azure: RunningEmulator, deployed: dict[str, dict[str, Any]]
) -> None:
    """A service principal in the place of the worker's identity, which has no secret to log in with here."""
    worker = azure.new_principal("worker")
    (identity,) = [each for name, each in deployed.items() if name.endswith("/id-mlrelease-worker")]
    for resource in [*platform().resources, *environment("prod").resources]:
        if resource.type == "Microsoft.Authorization/roleAssignments" and resource.id in deployed:
            body = _filled(resource.body, deployed)
            if body["properties"]["principalId"] == identity["properties"]["principalId"]:
                body["properties"]["principalId"] = worker["object_id"]
                above = resource.id.rpartition("/")[0]
                assert azure.ask("PUT", f"{above}/{uuid.uuid4()}", body).status_code == 201
    headers = {"Authorization": f"Bearer {azure.token(client_id=worker['client_id'], secret=worker['secret'])}"}

    def may(method: str, path: str, body: Any = None) -> bool:
        return azure.client.request(method, path, json=body, headers=headers).status_code != 403

    prod = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ml-prod/providers/{ML}/workspaces/ws-prod"
    registry = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-mlrelease/providers/{ML}/registries/reg-shared"
    location = f"/subscriptions/{SUBSCRIPTION}/providers/{ML}/locations/eastus"
    assert may("GET", prod)
    assert may("GET", f"{prod}/onlineEndpoints")
    assert may("PUT", f"{prod}/onlineEndpoints/e", {"location": "eastus", "properties": {"authMode": "Key"}})
    assert may("GET", f"{prod}/onlineEndpoints/e/providers/microsoft.insights/metrics")
    assert may("GET", f"{location}/usages")
    assert may("GET", f"{location}/vmSizes")
    assert may("GET", f"/mferp/managementfrontend{registry}/models")
    assert may("PUT", f"/mferp/managementfrontend{registry}/models/m", {"properties": {}})
    assert may("GET", f"{registry}/providers/Microsoft.Authorization/roleAssignments")
    assert not may("DELETE", registry)
    assert not may("PUT", prod, {"location": "eastus"})
    assert not may("DELETE", prod)
    assert not may("DELETE", f"/mferp/managementfrontend{registry}/models/m/versions/1")


def _is_emulated(resource: Resource) -> bool:
    """Whether the emulator has it; a role over something that it does not have is over nothing there."""
    if resource.existing or resource.type.endswith("/federatedIdentityCredentials"):
        return False
    return resource.type.startswith(PROVIDERS) and "/providers/Microsoft.ContainerRegistry/" not in resource.id and "/providers/Microsoft.Storage/" not in resource.id  # fmt: skip


def _filled(value: Any, made: dict[str, dict[str, Any]]) -> Any:
    """With what only a deployment knows, as it was answered."""
    if isinstance(value, dict):
        return {name: _filled(each, made) for name, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, made) for each in value]
    if isinstance(value, str) and (later := _LATER.fullmatch(value)):
        return made[later[1]]["properties"][later[2]]
    return value
