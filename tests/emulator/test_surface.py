"""Every path that the SDK is known to ask for has something behind it, and no nonsense breaks it."""

from typing import Any

import pytest

from tests.emulator.conftest import GROUP, SUBSCRIPTION
from tests.emulator.running import RunningEmulator

_PROVIDER = "/providers/Microsoft.MachineLearningServices"
_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}{_PROVIDER}"
_WORKSPACE = f"{_GROUP}/workspaces/ws-dev"
_REGISTRY = f"/mferp/managementfrontend{_GROUP}/registries/reg-shared"
_LOCATION = f"/subscriptions/{SUBSCRIPTION}{_PROVIDER}/locations/eastus"
_OPERATION = "share:00000000-0000-0000-0000-000000000007"

# One line for each kind of request that azure-ai-ml was seen to send.
_REQUESTS = f"""
GET /metadata/endpoints
GET /discovery
GET /registrymanagement/v1.0/registries/reg-shared/discovery
GET {_WORKSPACE}
PUT {_GROUP}/workspaces/ws-surface
PUT {_GROUP}/registries/reg-surface
PUT {_WORKSPACE}/datastores/surface
PUT {_WORKSPACE}/computes/surface
GET {_WORKSPACE}/datastores?count=30&isDefault=true&orderByAsc=false
GET {_WORKSPACE}/datastores/workspaceblobstore
POST {_WORKSPACE}/datastores/workspaceblobstore/listSecrets
PUT {_WORKSPACE}/environments/surface/versions/1
GET {_WORKSPACE}/environments/surface/versions/1
GET {_WORKSPACE}/environments/surface/versions?$orderBy=createdtime desc&$top=1
GET {_WORKSPACE}/codes/surface/versions?hash=0&hashVersion=202208
POST {_WORKSPACE}/codes/surface/versions/1/startPendingUpload
PUT {_WORKSPACE}/codes/surface/versions/1
PUT {_WORKSPACE}/components/azureml_anonymous/versions/surface
PUT {_WORKSPACE}/models/surface/versions/1
GET {_WORKSPACE}/models/surface/versions/1
GET {_WORKSPACE}/models/surface/versions?listViewType=ActiveOnly
GET {_WORKSPACE}/models/surface
PUT {_WORKSPACE}/data/surface/versions/1
GET {_WORKSPACE}/jobs?listViewType=ActiveOnly
PUT {_WORKSPACE}/jobs/surface
GET {_WORKSPACE}/jobs/surface
POST {_WORKSPACE}/jobs/surface/cancel
GET /history/v1.0{_WORKSPACE}/runs/surface/details
GET /history/v1.0{_WORKSPACE}/runs/surface/children
POST /history/v1.0{_WORKSPACE}/rundata
POST /data/v1.0{_WORKSPACE}/dataversion/batchGetResolvedUris
GET {_WORKSPACE}/onlineEndpoints
PUT {_WORKSPACE}/onlineEndpoints/surface
GET {_WORKSPACE}/onlineEndpoints/surface
PATCH {_WORKSPACE}/onlineEndpoints/surface
DELETE {_WORKSPACE}/onlineEndpoints/surface-none
POST {_WORKSPACE}/onlineEndpoints/surface/listKeys
POST {_WORKSPACE}/onlineEndpoints/surface/regenerateKeys
POST {_WORKSPACE}/onlineEndpoints/surface/token
GET {_WORKSPACE}/onlineEndpoints/surface/deployments
PUT {_WORKSPACE}/onlineEndpoints/surface/deployments/blue
GET {_WORKSPACE}/onlineEndpoints/surface/deployments/blue
PATCH {_WORKSPACE}/onlineEndpoints/surface/deployments/blue
DELETE {_WORKSPACE}/onlineEndpoints/surface/deployments/blue
POST {_WORKSPACE}/onlineEndpoints/surface/deployments/blue/getLogs
GET {_LOCATION}/mfeOperationsStatus/{_OPERATION}
GET {_LOCATION}/mfeOperationResults/{_OPERATION}
GET /assetstore/v1.0/operations/{_OPERATION}
GET {_REGISTRY}/models
GET {_REGISTRY}/models/surface/versions?$orderBy=createdtime desc&$top=1
GET {_REGISTRY}/models/surface/versions/1
PUT {_REGISTRY}/models/surface/versions/1
PUT {_REGISTRY}/environments/surface/versions/1
PUT {_REGISTRY}/tempdatarefs/surface/versions/1
POST {_REGISTRY}/datarefs/surface/versions/1
POST {_REGISTRY}/import
GET /keyvault/kv-dev/secrets
"""
_LINES = [line for line in _REQUESTS.splitlines() if line]


@pytest.mark.parametrize("line", _LINES, ids=lambda line: line.replace(_WORKSPACE, "W").replace(_REGISTRY, "R"))
def test_a_known_path_is_answered(azure: RunningEmulator, line: str) -> None:
    method, path = line.split(" ", 1)
    answer = azure.ask(method, path, {} if method in ("PUT", "POST", "PATCH") else None)
    assert answer.status_code < 500
    assert "The emulator has nothing at" not in answer.text


@pytest.mark.parametrize(
    "path",
    [
        f"/subscriptions/{SUBSCRIPTION}/providers", f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers",
        "/subscriptions/providers", "/subscriptions//providers/", f"/subscriptions/{SUBSCRIPTION}/PROVIDERS",
        f"{_WORKSPACE}/providers", f"{_WORKSPACE}/providers/Microsoft.Insights", f"/mferp/managementfrontend{_GROUP}/registries/",
    ],
)  # fmt: skip
def test_a_path_that_ends_early_is_refused_in_arms_words(azure: RunningEmulator, path: str) -> None:
    for method in ("GET", "PUT", "POST", "DELETE"):
        answer = azure.ask(method, path)
        assert answer.status_code in (400, 403, 404, 405)
        assert answer.json()["error"]["message"]


_NONSENSE: list[Any] = [
    [],
    "text",
    None,
    {"properties": None},
    {"properties": []},
    {"properties": [1]},
    {"properties": {"tags": {"a": 1}}},
    {"properties": {"properties": 1, "tags": "x"}},
    {"properties": {"modelUri": 1, "dataUri": {}, "codeUri": [], "componentSpec": 1, "image": 5, "condaFile": {}}},
    {"location": 1},
    {"value": {}},
]
_WRITES = [line for line in _LINES if not line.startswith(("GET", "DELETE"))]


@pytest.mark.parametrize("line", _WRITES, ids=lambda line: line.replace(_WORKSPACE, "W").replace(_REGISTRY, "R"))
def test_nonsense_is_refused_and_breaks_nothing(azure: RunningEmulator, line: str) -> None:
    method, path = line.split(" ", 1)
    for body in _NONSENSE:
        answer = azure.ask(method, path, body)
        assert answer.status_code < 500, (body, answer.text)
