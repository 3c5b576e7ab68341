"""Taking a job: checked as Azure checks it, written down, begun. And what may be changed of it afterwards."""

import json
from typing import Any

from emulator import arm
from emulator.assets import find
from emulator.errors import BadRequest
from emulator.jobs import computes, graph, inputs, outputs, runs, steps, works
from emulator.jobs.execution import KIND
from emulator.jobs.statuses import Status
from emulator.state import Emulator
from emulator.store import Document

_NAME = r"[a-zA-Z0-9][a-zA-Z0-9\-_]{0,254}"
# What a PUT may change of a job that is there. Everything else makes it another job.
_CHANGEABLE = frozenset({"description", "displayName", "tags", "properties", "isArchived", "services", "status"})


_MAPS = ("tags", "properties", "inputs", "outputs", "jobs", "settings", "services", "environmentVariables", "limits")
_TEXTS = (
    "displayName",
    "description",
    "experimentName",
    "computeId",
    "componentId",
    "codeId",
    "environmentId",
    "command",
)


def check_shape(properties: Document) -> None:
    """Raise BadRequest when a job's properties are not shaped as Azure's are."""
    for field in _MAPS:
        if not isinstance(properties.get(field) or {}, dict):
            raise BadRequest(f"properties.{field} must be an object.", code="ValidationError")
    for field in _TEXTS:
        if not isinstance(properties.get(field) or "", str):
            raise BadRequest(f"properties.{field} must be a string.", code="ValidationError")
    for field in ("inputs", "outputs", "jobs"):
        for name, each in (properties.get(field) or {}).items():
            if not isinstance(each or {}, dict):
                raise BadRequest(f"properties.{field}.{name} must be an object.", code="ValidationError")


def submit(azure: Emulator, workspace: Document, name: str, *, properties: Document, by: str) -> Document:
    """Write and begin a job; the run. Raises BadRequest or NotFound for what Azure refuses, with nothing written."""
    arm.check_name(name, what="job", pattern=_NAME)
    kind, work = _work(azure, workspace, properties)
    with azure.store.transaction():
        run = runs.create(
            azure,
            workspace["name"],
            name,
            kind=kind,
            work=work,
            status=Status.NOT_STARTED if kind == "Pipeline" else Status.STARTING,
            by=by,
            sent=properties,
            experiment=properties.get("experimentName") or "Default",
            displayName=properties.get("displayName") or name,
            description=properties.get("description"),
            tags=properties.get("tags") or {},
            runProperties=_run_properties(kind, work, properties),
            target=computes.name_of(properties.get("computeId")),
            outputs={} if kind == "Pipeline" else outputs.place(workspace, name, work["outputs"]),
        )
        azure.operations.begin(
            KIND, resource=arm.resource_id(workspace, "jobs", name), workspace=workspace["name"], job=name
        )
    return run


def amend(azure: Emulator, run: Document, *, properties: Document) -> Document:
    """Change a job's labels. Raises BadRequest when anything else differs from what was submitted."""
    if run["sent"] is None:
        raise BadRequest(f"{run['name']} is a step of a pipeline: it cannot be changed.", code="UserError")
    if _fixed(properties) != _fixed(run["sent"]):
        raise BadRequest(
            "A job with this name already exists. If you are trying to create a new job, use a different name. If you are "
            "trying to update an existing job, the existing job's definition cannot be changed. Only description, tags, "
            "displayName, properties, and isArchived can be updated.",
            code="UserError",
        )
    return runs.note(
        azure,
        run["workspace"],
        run["name"],
        description=properties.get("description", run["description"]),
        displayName=properties.get("displayName") or run["displayName"],
        tags=run["tags"] if properties.get("tags") is None else properties["tags"],
        runProperties={**run["runProperties"], **(properties.get("properties") or {})},
        archived=bool(properties.get("isArchived", run["archived"])),
    )


def _work(azure: Emulator, workspace: Document, properties: Document) -> tuple[str, Document]:
    kind = str(properties.get("jobType"))
    works.refuse_services(properties.get("services"))
    works.refuse_notification(properties.get("notificationSetting"))
    works.refuse_identity(properties.get("identity"))
    if kind == "Command":
        work = works.of_command_job(properties)
        computes.check(azure, workspace["name"], properties.get("computeId"))
        for each in work["inputs"].values():
            inputs.check(azure, workspace=workspace["name"], given=each)
        find.version(azure, work["environment"], kind="environments", workspace=workspace["name"])
        return kind, work
    if kind == "Pipeline":
        work = graph.of_pipeline_job(properties)
        if properties.get("componentId"):
            work = _from_component(azure, workspace["name"], properties["componentId"], work)
        if not work["nodes"]:
            raise BadRequest("A pipeline job needs at least one job.", code="UserError")
        steps.rehearse(azure, workspace["name"], work)
        return kind, work
    raise BadRequest(f"Jobs of type '{kind}' are not emulated: Command and Pipeline are.", code="NotEmulated")


def _from_component(azure: Emulator, workspace: str, component: str, work: Document) -> Document:
    """A pipeline job made of a registered pipeline component."""
    spec = find.version(azure, component, kind="components", workspace=workspace)["properties"]["componentSpec"]
    if spec.get("type") != "pipeline":
        raise BadRequest(f"{component} is not a pipeline component.", code="UserError")
    declared = {name: works.output_of(each or {}) for name, each in (spec.get("outputs") or {}).items()}
    return {
        **work,
        "nodes": spec.get("jobs") or {},
        "inputs": graph.with_defaults(work["inputs"], declared=spec.get("inputs") or {}),
        "outputs": declared | work["outputs"],
    }


def _run_properties(kind: str, work: Document, properties: Document) -> dict[str, str]:
    sent = properties.get("properties") or {}
    if kind == "Command":
        return {"azureml.DevPlatv2": "true", "_azureml.ComputeTargetType": "amlctrain", **sent}
    literals = {name: each["value"] for name, each in work["inputs"].items() if each["type"] == "literal"}
    settings = work["settings"]
    return {
        **sent,
        "azureml.DevPlatv2": "true",
        "azureml.runsource": "azureml.PipelineRun",
        "runSource": "MFE",
        "runType": "HTTP",
        "azureml.parameters": json.dumps(literals),
        "azureml.continue_on_step_failure": str(settings["continue_on_step_failure"]),
        "azureml.enforceRerun": str(settings["force_rerun"]),
        "azureml.defaultComputeName": computes.name_of(settings["default_compute"]) or "serverless",
        "azureml.defaultDataStoreName": "workspaceblobstore",
        "azureml.pipelineComponent": "pipelinerun",
    }


def _fixed(properties: Document) -> dict[str, Any]:
    """The part of a job that never changes; what is empty counts as not sent."""
    return {
        name: value for name, value in properties.items() if name not in _CHANGEABLE and value not in (None, {}, [])
    }
