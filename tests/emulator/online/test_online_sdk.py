"""The journey of a deployment through the real SDK: dev, registry, prod."""

import json
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from tests.emulator.conftest import GROUP, SUBSCRIPTION
from tests.emulator.online.conftest import SCRIPTS
from tests.emulator.running import RunningEmulator

if TYPE_CHECKING:
    from azure.ai.ml import MLClient


def test_deployment_travels_from_dev_through_the_registry_to_prod(
    azure: RunningEmulator, ml_client: "Callable[[str], MLClient]", tmp_path: Path
) -> None:
    from azure.ai.ml.entities import (
        CodeConfiguration,
        Environment,
        IdentityConfiguration,
        ManagedIdentityConfiguration,
        ManagedOnlineDeployment,
        ManagedOnlineEndpoint,
        Model,
    )
    from azure.core.exceptions import HttpResponseError, ResourceExistsError

    code, words, request = tmp_path / "src", tmp_path / "words", tmp_path / "request.json"
    code.mkdir()
    (code / "score.py").write_text(SCRIPTS["echo"])
    words.mkdir()
    (words / "word.txt").write_text("hello")
    request.write_text("{}")
    name = f"words-{uuid.uuid4().hex[:8]}"
    dev, prod = ml_client("ws-dev"), ml_client("ws-prod")
    model = dev.models.create_or_update(Model(name=name, path=words, type="custom_model"))
    environment = dev.environments.create_or_update(Environment(name=name, image="mcr.microsoft.com/azureml/minimal:1"))

    def deployment(endpoint: str, *, model: str, environment: str) -> ManagedOnlineDeployment:
        return ManagedOnlineDeployment(
            name="blue",
            endpoint_name=endpoint,
            model=model,
            environment=environment,
            code_configuration=CodeConfiguration(code=str(code), scoring_script="score.py"),
            instance_type="Standard_E2s_v3",
            instance_count=1,
        )

    # dev: endpoint, deployment at 0%, proof by name, traffic
    dev.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=f"{name}-d")).result()
    made = deployment(f"{name}-d", model=model.id, environment=environment.id)
    assert dev.online_deployments.begin_create_or_update(made).result().provisioning_state == "Succeeded"
    endpoint = dev.online_endpoints.get(f"{name}-d")
    assert endpoint.traffic == {"blue": 0}
    answer = dev.online_endpoints.invoke(endpoint.name, request_file=str(request), deployment_name="blue")
    assert json.loads(answer)["word"] == "hello"
    endpoint.traffic = {"blue": 100}
    assert dev.online_endpoints.begin_create_or_update(endpoint).result().traffic == {"blue": 100}
    keys = dev.online_endpoints.get_keys(endpoint.name)
    headers = {"Authorization": f"Bearer {keys.primary_key}"}
    assert azure.client.post(endpoint.scoring_uri, json={}, headers=headers).json()["word"] == "hello"
    assert "the word is hello" in dev.online_deployments.get_logs("blue", endpoint.name, lines=50)
    with pytest.raises(HttpResponseError, match="100% of the live traffic"):
        dev.online_deployments.begin_delete("blue", endpoint.name)

    # registry and prod
    dev.models.share(name, model.version, registry_name="reg-shared", share_with_name=name, share_with_version="1")
    dev.environments.share(
        name, environment.version, registry_name="reg-shared", share_with_name=name, share_with_version="1"
    )
    with pytest.raises(ResourceExistsError, match="unique within a region"):
        prod.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=f"{name}-d"))
    prod.online_endpoints.begin_create_or_update(
        ManagedOnlineEndpoint(name=f"{name}-p", auth_mode="aml_token")
    ).result()
    shared = {
        "model": f"azureml://registries/reg-shared/models/{name}/versions/1",
        "environment": f"azureml://registries/reg-shared/environments/{name}/versions/1",
    }
    prod.online_deployments.begin_create_or_update(deployment(f"{name}-p", **shared)).result()
    answer = prod.online_endpoints.invoke(f"{name}-p", request_file=str(request), deployment_name="blue")
    assert json.loads(answer)["word"] == "hello"

    # somebody's own identity, which nobody let read the registry
    group = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers"
    mine = f"{group}/Microsoft.ManagedIdentity/userAssignedIdentities/id-{name}"
    principal = azure.ask("PUT", mine, {"location": "eastus"}).json()["properties"]["principalId"]
    identity = IdentityConfiguration(
        type="user_assigned", user_assigned_identities=[ManagedIdentityConfiguration(resource_id=mine)]
    )
    prod.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=f"{name}-u", identity=identity)).result()
    with pytest.raises(HttpResponseError, match="Endpoint identity does not have pull permission on the registry"):
        prod.online_deployments.begin_create_or_update(deployment(f"{name}-u", **shared)).result()
    prod.online_deployments.begin_delete("blue", f"{name}-u").result()
    reader = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/acdd72a7-3385-48ef-bd42-f606fba81ae7"
    registry = f"{group}/Microsoft.MachineLearningServices/registries/reg-shared"
    azure.ask(
        "PUT",
        f"{registry}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}",
        {"properties": {"principalId": principal, "roleDefinitionId": reader}},
    )
    prod.online_deployments.begin_create_or_update(deployment(f"{name}-u", **shared)).result()

    # keys, then everything goes
    dev.online_endpoints.begin_regenerate_keys(endpoint.name, key_type="primary").result()
    assert azure.client.post(endpoint.scoring_uri, json={}, headers=headers).status_code == 401
    for client, ending in ((dev, "d"), (prod, "p"), (prod, "u")):
        client.online_endpoints.begin_delete(f"{name}-{ending}").result()
        assert name not in [each.name.removesuffix(f"-{ending}") for each in client.online_endpoints.list()]
    assert httpx.codes(azure.client.post(endpoint.scoring_uri, json={}, headers=headers).status_code) == 404
