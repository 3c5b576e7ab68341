"""A run in the words of Azure's two interfaces: ARM's job resource, and the run history."""

from typing import Any

from emulator import arm
from emulator.blob import files
from emulator.jobs import page, runs
from emulator.state import Emulator
from emulator.storage import ARTIFACT_STORE
from emulator.store import Document

# The run history has words of its own for models, and clients look for exactly these.
_HISTORY_TYPES = {"custom_model": "CustomModel", "mlflow_model": "MLFlowModel", "triton_model": "TritonModel"}
_INPUT = {"description": None, "mode": None}
_OUTPUT = {"description": None, "uri": None, "assetName": None, "assetVersion": None, "mode": "ReadWriteMount"}


def as_job(azure: Emulator, workspace: Document, run: Document) -> Document:
    """The ARM resource. A step of a pipeline has no properties there: the SDK then asks the run history."""
    resource = arm.resource_id(workspace, "jobs", run["name"])
    if run["sent"] is None:
        return {**arm.envelope(resource, properties={}, system_data=run["systemData"]), "properties": None}
    sent = run["sent"]
    properties = {
        **sent,
        "description": run["description"],
        "displayName": run["displayName"],
        "experimentName": run["experiment"],
        "tags": run["tags"],
        "properties": run["runProperties"],
        "isArchived": run["archived"],
        "status": run["status"],
        "services": _services(azure, workspace, run) | (sent.get("services") or {}),
        "inputs": {name: _INPUT | each for name, each in (sent.get("inputs") or {}).items()},
        "outputs": _outputs(run),
        "identity": sent.get("identity"),
        "componentId": sent.get("componentId"),
        "computeId": sent.get("computeId"),
        "notificationSetting": sent.get("notificationSetting"),
    }
    return arm.envelope(resource, properties=properties, system_data=run["systemData"])


def _outputs(run: Document) -> Document:
    sent = {
        name: _OUTPUT | (each or {"jobOutputType": "uri_folder"})
        for name, each in (run["sent"].get("outputs") or {}).items()
    }
    if run["kind"] == "Command":
        # Without "paths/": the SDK's log streaming cuts the address at that place.
        artifacts = f"azureml://datastores/{ARTIFACT_STORE}/ExperimentRun/dcid.{run['name']}"
        sent[files.DEFAULT_OUTPUT] = {**_OUTPUT, "uri": artifacts, "jobOutputType": "uri_folder"}
    return sent


def _services(azure: Emulator, workspace: Document, run: Document) -> Document:
    scope = arm.workspace_id(workspace)
    endpoints = {
        "Tracking": f"azureml://{azure.authority}/mlflow/v1.0{scope}?",
        "Studio": page.link(azure, workspace, run["name"]),
    }
    return {
        name: {
            "jobServiceType": name,
            "port": None,
            "endpoint": endpoint,
            "status": None,
            "errorMessage": None,
            "properties": None,
            "nodes": None,
        }
        for name, endpoint in endpoints.items()
    }


def as_run(workspace: Document, run: Document) -> Document:
    """The run history's resource."""
    user = {"userName": run["systemData"]["createdBy"], "userObjectId": None, "userTenantId": None}
    is_step = run["parent"] is not None
    return {
        **_common(run),
        "createdUtc": run["created"],
        "createdBy": user,
        "lastModifiedBy": user,
        "dataContainerId": f"dcid.{run['name']}",
        "displayName": run["displayName"],
        "name": run["experiment"] if not is_step else run["runProperties"].get("azureml.moduleName"),
        "description": run["description"],
        "hidden": run["archived"],
        "runType": "azureml.StepRun" if is_step else "azureml.PipelineRun" if run["kind"] == "Pipeline" else "HTTP",
        "experimentId": runs.experiment_id(workspace["name"], run["experiment"]),
        "cancelationReason": None,
        "scriptName": None,
        "uniqueChildRunComputeTargets": [],
    }


def as_details(run: Document, *, log_files: dict[str, str]) -> Document:
    """The run history's details: what ``jobs.stream`` follows."""
    return {**_common(run), "createdTimeUtc": run["created"], "logFiles": log_files}


def _common(run: Document) -> Document:
    duration = _span(runs.seconds(run))
    return {
        "runId": run["name"],
        "runUuid": runs.uuid_of(run["workspace"], run["name"]),
        "runNumber": run["number"],
        "rootRunId": run["root"],
        "parentRunId": run["parent"],
        "status": run["status"],
        "startTimeUtc": run["started"],
        "endTimeUtc": run["ended"],
        "duration": duration,
        "computeDuration": duration,
        "lastModifiedUtc": run["ended"] or run["started"] or run["created"],
        "error": _error(run),
        "warnings": None,
        "target": run["target"],
        "compute": {
            "target": run["target"] or "serverless",
            "targetType": "amlcompute",
            "instanceCount": 1,
            "gpuCount": 0,
        },
        "tags": run["tags"],
        "properties": run["runProperties"],
        "parameters": {},
        "settings": {},
        "services": {},
        "actionUris": {},
        "runTypeV2": {"orchestrator": "Execution", "traits": [], "attribution": None, "computeType": "AmlcTrain"},
        "runDefinition": None,
        "jobSpecification": None,
        "inputDatasets": [],
        "outputDatasets": [],
        "inputs": {
            name: {"assetId": each["value"], "type": each["type"]}
            for name, each in run["work"]["inputs"].items()
            if each["type"] != "literal"
        },
        "outputs": {
            name: {"assetId": each["assetId"], "type": _HISTORY_TYPES.get(each["type"], each["type"])}
            for name, each in run["outputs"].items()
        },
    }


def _error(run: Document) -> dict[str, Any] | None:
    if run["error"] is None:
        return None
    return {
        "error": {**run["error"], "messageParameters": {}, "details": []},
        "time": run["ended"],
        "componentName": "CommonRuntime",
    }


def _span(seconds: float | None) -> str | None:
    """A duration as the run history writes it: hh:mm:ss.fffffff."""
    if seconds is None:
        return None
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}.{int((seconds - whole) * 1e7):07}"
