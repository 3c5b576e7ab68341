"""A full request of every kind that the emulator takes, for tests that send others much like it."""

import json
from typing import Any

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ml"
PROVIDER = f"{GROUP}/providers/Microsoft.MachineLearningServices"
W = f"{PROVIDER}/workspaces/ws-dev"
R = f"/mferp/managementfrontend{PROVIDER}/registries/reg-shared"
BLOB = "https://127.0.0.1:1/acct.blob.core.windows.net/azureml/x"

_COMMON = {"description": "d", "tags": {"a": "b"}, "properties": {"c": "d"}, "isArchived": False, "isAnonymous": False}
_ENVIRONMENT = {**_COMMON, "image": "mcr.microsoft.com/x:1", "osType": "Linux", "inferenceConfig": None,
                "condaFile": json.dumps({"dependencies": ["python=3.11", {"pip": ["httpx"]}]})}  # fmt: skip
_MODEL = {
    **_COMMON,
    "modelType": "custom_model",
    "modelUri": BLOB,
    "flavors": {"python_function": {"data": {"a": "b"}}},
    "jobName": "j",
}
_IO = {"jobInputType": "uri_folder", "mode": "ReadOnlyMount", "uri": BLOB}
_OUT = {"jobOutputType": "uri_folder", "mode": "ReadWriteMount", "uri": None, "assetName": "m", "assetVersion": "1"}
_COMMAND = {
    **_COMMON, "jobType": "Command", "displayName": "x", "experimentName": "e", "status": None, "services": {},
    "computeId": f"{W}/computes/cpu-cluster", "codeId": f"{W}/codes/c/versions/1", "command": "true ${{inputs.a}}",
    "environmentId": f"{W}/environments/e/versions/1", "environmentVariables": {"A": "b"}, "inputs": {"a": _IO, "n": {"jobInputType": "literal", "value": "5"}},
    "outputs": {"o": _OUT}, "resources": {"instanceCount": 1, "properties": {}}, "limits": {"jobLimitsType": "Command", "timeout": "PT60S"},
    "distribution": None, "identity": None, "queueSettings": {"jobTier": "Standard"}, "notificationSetting": None,
}  # fmt: skip
_NODE = {"name": "n", "type": "command", "componentId": f"{W}/components/x/versions/1", "inputs": {"a": {"job_input_type": "literal", "value": "${{parent.inputs.a}}"}},
         "outputs": {"o": {"type": "literal", "value": "${{parent.outputs.o}}"}}, "resources": {"instance_count": 1}, "limits": None,
         "computeId": "azureml:cpu-cluster", "display_name": None, "environment_variables": {}, "_source": "YAML.JOB"}  # fmt: skip
_PIPELINE = {
    **_COMMON, "jobType": "Pipeline", "experimentName": "e", "inputs": {"a": {"jobInputType": "literal", "value": "1"}}, "outputs": {"o": _OUT},
    "settings": {"default_compute": "azureml:cpu-cluster", "continue_on_step_failure": False, "_source": "YAML.JOB"}, "jobs": {"n": _NODE, "m": _NODE},
}  # fmt: skip
_COMPONENT = {**_COMMON, "componentSpec": {"name": "x", "version": "1", "type": "command", "command": "true", "display_name": "x", "is_deterministic": True,
              "environment": f"{W}/environments/e/versions/1", "code": f"{W}/codes/c/versions/1", "inputs": {"a": {"type": "number", "default": "1", "optional": True}},
              "outputs": {"o": {"type": "uri_folder"}}}}  # fmt: skip
_PROBE = {"failureThreshold": 3, "successThreshold": 1, "timeout": "PT2S", "period": "PT10S", "initialDelay": "PT10S"}
_DEPLOYMENT = {
    **_COMMON, "endpointComputeType": "Managed", "model": f"{W}/models/m/versions/1", "environmentId": f"{W}/environments/e/versions/1",
    "codeConfiguration": {"codeId": f"{W}/codes/c/versions/1", "scoringScript": "score.py"}, "instanceType": "Standard_DS3_v2", "environmentVariables": {"A": "b"},
    "scaleSettings": {"scaleType": "Default"}, "requestSettings": {"requestTimeout": "PT5S", "maxConcurrentRequestsPerInstance": 1, "maxQueueWait": "PT0S"},
    "livenessProbe": _PROBE, "readinessProbe": _PROBE, "appInsightsEnabled": False, "egressPublicNetworkAccess": "Enabled", "modelMountPath": None,
    "dataCollector": None,
}  # fmt: skip
_ENDPOINT = {
    **_COMMON,
    "authMode": "Key",
    "traffic": {"blue": 0},
    "mirrorTraffic": {"blue": 0},
    "publicNetworkAccess": "Enabled",
    "compute": None,
}
_TOP = {
    "location": "eastus",
    "tags": {"a": "b"},
    "kind": "Managed",
    "identity": {"type": "SystemAssigned", "userAssignedIdentities": {"/x": {}}},
}
_RUNS = {"runIds": ["j"], "selectRunMetadata": True, "runId": "j", "selectJobSpecification": False}

# Method, path, body. Names such as ``fz`` may be there from an earlier request, or not.
REQUESTS: list[tuple[str, str, Any]] = [
    ("PUT", f"{W}/environments/fz/versions/1", {"properties": _ENVIRONMENT}),
    ("PUT", f"{W}/models/fz/versions/1", {"properties": _MODEL}),
    ("PUT", f"{W}/models/fz", {"properties": _COMMON}),
    ("PUT", f"{W}/codes/fz/versions/1", {"properties": {**_COMMON, "codeUri": BLOB}}),
    ("POST", f"{W}/codes/fz/versions/1/startPendingUpload", {"pendingUploadId": "x", "pendingUploadType": "TemporaryBlobReference"}),
    ("PUT", f"{W}/data/fz/versions/1", {"properties": {**_COMMON, "dataType": "uri_folder", "dataUri": BLOB}}),
    ("PUT", f"{W}/components/fz/versions/1", {"properties": _COMPONENT}),
    ("PUT", f"{W}/datastores/fz", {"properties": {**_COMMON, "datastoreType": "AzureBlob", "accountName": "a", "containerName": "c", "endpoint": "local",
        "protocol": "https", "credentials": {"credentialsType": "AccountKey", "secrets": {"secretsType": "AccountKey", "key": "k"}}}}),
    ("POST", f"{W}/datastores/workspaceblobstore/listSecrets", {"expirableSecret": True}),
    ("PUT", f"{W}/computes/fz", {**_TOP, "properties": {"computeType": "AmlCompute", "properties": {"vmSize": "Standard_DS3_v2", "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 2}}}}),
    ("PUT", f"{PROVIDER}/workspaces/fz", {**_TOP, "properties": {"friendlyName": "f", "description": "d", "keyVault": None, "publicNetworkAccess": "Enabled"}}),
    ("PUT", f"{PROVIDER}/registries/fz", {**_TOP, "properties": {"publicNetworkAccess": "Enabled", "tags": {"a": "b"}, "regionDetails": [{"location": "eastus",
        "storageAccountDetails": [], "acrDetails": []}]}}),
    ("PUT", f"{GROUP}/providers/Microsoft.KeyVault/vaults/fz", {**_TOP, "properties": {"tenantId": "x", "sku": {"family": "A", "name": "standard"}, "accessPolicies": []}}),
    ("PUT", GROUP, _TOP),
    ("PUT", "/keyvault/kv-dev/secrets/fz?api-version=7.4", {"value": "v", "attributes": {"enabled": True, "exp": 1, "nbf": 1}, "tags": {"a": "b"}, "contentType": "t"}),
    ("PUT", f"{W}/onlineEndpoints/ep-fz", {**_TOP, "properties": _ENDPOINT}),
    ("PATCH", f"{W}/onlineEndpoints/ep-fz", {"tags": {"a": "b"}, "identity": _TOP["identity"]}),
    ("POST", f"{W}/onlineEndpoints/ep-fz/regenerateKeys", {"keyType": "Primary", "keyValue": "k"}),
    ("PUT", f"{W}/onlineEndpoints/ep-fz/deployments/blue", {**_TOP, "sku": {"name": "Default", "capacity": 1}, "properties": _DEPLOYMENT}),
    ("PATCH", f"{W}/onlineEndpoints/ep-fz/deployments/blue", {"tags": {"a": "b"}, "sku": {"capacity": 1}}),
    ("POST", f"{W}/onlineEndpoints/ep-fz/deployments/blue/getLogs", {"containerType": "InferenceServer", "tail": 5}),
    ("PUT", f"{W}/jobs/fz", {"properties": _COMMAND}),
    ("PUT", f"{W}/jobs/fz-pipeline", {"properties": _PIPELINE}),
    ("POST", f"/history/v1.0{W}/rundata", _RUNS),
    ("POST", f"/data/v1.0{W}/dataversion/batchGetResolvedUris", {"values": [f"azureml://locations/eastus/workspaces/{'0' * 8}/data/x/versions/1"]}),
    ("POST", f"/mlflow/v1.0{W}/api/2.0/mlflow/runs/log-batch", {"run_id": "j", "metrics": [{"key": "a", "value": 1.5, "timestamp": 1, "step": 1}],
        "params": [{"key": "a", "value": "b"}], "tags": [{"key": "a", "value": "b"}]}),
    ("POST", f"/mlflow/v1.0{W}/api/2.0/mlflow/runs/log-metric", {"run_id": "j", "key": "a", "value": 1.5, "timestamp": 1, "step": 1}),
    ("POST", f"/mlflow/v1.0{W}/api/2.0/mlflow/runs/set-tag", {"run_id": "j", "key": "a", "value": "b"}),
    ("POST", f"/mlflow/v1.0{W}/api/2.0/mlflow/runs/log-parameter", {"run_id": "j", "key": "a", "value": "b"}),
    ("POST", f"/mlflow/v1.0{W}/api/2.0/mlflow/runs/update", {"run_id": "j", "status": "FINISHED", "end_time": 1}),
    ("POST", f"/mlflow/v1.0{W}/api/2.0/mlflow/runs/search", {"experiment_ids": ["e"], "filter": "", "max_results": 5, "order_by": [], "run_view_type": "ALL"}),
    ("PUT", f"{R}/models/fz/versions/1", {"properties": _MODEL}),
    ("PUT", f"{R}/environments/fz/versions/1", {"properties": _ENVIRONMENT}),
    ("PUT", f"{R}/components/fz/versions/1", {"properties": _COMPONENT}),
    ("PUT", f"{R}/data/fz/versions/1", {"properties": {**_COMMON, "dataType": "uri_folder", "dataUri": BLOB}}),
    ("PUT", f"{R}/codes/fz/versions/1", {"properties": {**_COMMON, "codeUri": BLOB}}),
    ("PUT", f"{R}/tempdatarefs/fz/versions/1", {"assetId": "azureml://registries/reg-shared/models/fz/versions/1", "assetType": "model"}),
    ("POST", f"{R}/datarefs/fz/versions/1", {"assetId": "azureml://registries/reg-shared/models/fz/versions/1", "dataReferenceCredentialType": "SAS", "blobUri": BLOB}),
    ("POST", f"{R}/import", {"sourceAsset": {"resourceId": f"{W}/models/m/versions/1"}, "destinationName": "m", "destinationVersion": "1"}),
    ("POST", f"{R}/import", {"source_asset": {"asset_id": "azureml://locations/eastus/workspaces/ws-dev/models/m/versions/1"}, "destination_name": "m", "destination_version": "1"}),
    ("PUT", "/emulator/v1/quotas", {"location": "eastus", "family": "standardDSv2Family", "cores": 100}),
    ("POST", "/emulator/v1/principals", {"name": "n", "assignments": [{"scope": "/", "role": "Reader"}]}),
]  # fmt: skip
