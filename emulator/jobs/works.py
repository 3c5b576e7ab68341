"""What a command run does, with everything bound: the plain JSON in its record's ``work``.

command, code, environment, variables
inputs     name -> {type: literal | uri_file | …, value, mode}
outputs    name -> {type, mode, uri, assetName, assetVersion}; uri None: the workspace's usual place
timeout    seconds, or None
deterministic  whether an earlier run's outputs may be taken instead
"""

import re
from typing import Any

from emulator.errors import BadRequest
from emulator.jobs.bindings import referenced
from emulator.store import Document

ASSET_TYPES = frozenset({"uri_file", "uri_folder", "mltable", "custom_model", "mlflow_model", "triton_model"})
_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?")


def of_command_job(properties: Document) -> Document:
    """The work that a command job's ARM properties describe."""
    work = {
        "command": properties.get("command") or "",
        "code": properties.get("codeId"),
        "environment": properties.get("environmentId"),
        "variables": _variables(properties.get("environmentVariables")),
        "inputs": {name: input_of(each) for name, each in (properties.get("inputs") or {}).items() if each},
        "outputs": {name: output_of(each or {}) for name, each in (properties.get("outputs") or {}).items()},
        "timeout": timeout_of(properties.get("limits")),
        "deterministic": False,  # only steps of pipelines are reused
    }
    _refuse_distribution(properties.get("distribution"))
    _refuse_resources(properties.get("resources"))
    refuse_identity(properties.get("identity"))
    check(work)
    return work


def check(work: Document) -> None:
    """Raise BadRequest for what Azure refuses before anything runs."""
    if not work["command"].strip():
        raise BadRequest("The Command field is required.", code="UserError")
    if not work["environment"]:
        raise BadRequest("The EnvironmentId field is required.", code="UserError")
    required, _, outputs = referenced(work["command"])
    if missing := sorted(required - work["inputs"].keys()):
        raise BadRequest(f"The command refers to inputs that are not given: {', '.join(missing)}.", code="UserError")
    if missing := sorted(outputs - work["outputs"].keys()):
        raise BadRequest(f"The command refers to outputs that are not defined: {', '.join(missing)}.", code="UserError")


def input_of(sent: Document) -> Document:
    """An input in any spelling (ARM's jobInputType, a node's job_input_type) as {type, value, mode}."""
    kind = sent.get("jobInputType") or sent.get("job_input_type") or sent.get("type")
    if kind is None:
        kind = "uri_folder" if sent.get("uri") or sent.get("path") else "literal"
    if kind == "literal":
        return {"type": "literal", "value": _text(sent.get("value")), "mode": sent.get("mode")}
    if kind not in ASSET_TYPES:
        raise BadRequest(f"Job input type '{kind}' is not supported.", code="UserError")
    uri = sent.get("uri") or sent.get("path")
    if not uri:
        raise BadRequest("The Uri field of an input is required.", code="UserError")
    return {"type": kind, "value": uri, "mode": sent.get("mode")}


def output_of(sent: Document) -> Document:
    """An output in any spelling as {type, mode, uri, assetName, assetVersion}."""
    kind = sent.get("jobOutputType") or sent.get("job_output_type") or sent.get("type") or "uri_folder"
    if kind not in ASSET_TYPES:
        raise BadRequest(f"Job output type '{kind}' is not supported.", code="UserError")
    return {
        "type": kind,
        "mode": sent.get("mode") or "ReadWriteMount",
        "uri": sent.get("uri") or sent.get("path"),
        "assetName": sent.get("assetName") or sent.get("name"),
        "assetVersion": sent.get("assetVersion") or sent.get("version"),
    }


def timeout_of(limits: Document | None) -> float | None:
    """The seconds of a limits object: ISO 8601 ("PT5M") in ARM, plain seconds in a node."""
    timeout = (limits or {}).get("timeout")
    if timeout is None or isinstance(timeout, int | float):
        return timeout
    match = _DURATION.fullmatch(timeout)
    if match is None or timeout in {"P", "PT"}:
        try:
            return float(timeout)
        except ValueError:
            raise BadRequest(f"The timeout '{timeout}' is not a duration.", code="UserError") from None
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return ((days * 24 + hours) * 60 + minutes) * 60 + seconds


def of_component(spec: Document, node: Document, *, inputs: Document, outputs: Document) -> Document:
    """The work of a pipeline's node: a command component's spec, with the node's inputs and outputs bound."""
    _refuse_distribution(node.get("distribution") or spec.get("distribution"))
    _refuse_resources(node.get("resources") or spec.get("resources"))
    refuse_identity(node.get("identity") or spec.get("identity"))
    work = {
        "command": spec.get("command") or "",
        "code": spec.get("code"),
        "environment": node.get("environment") or spec.get("environment"),
        "variables": _variables(spec.get("environment_variables")) | _variables(node.get("environment_variables")),
        "inputs": inputs,
        "outputs": outputs,
        "timeout": timeout_of(node.get("limits") or spec.get("limits")),
        "deterministic": is_true(spec.get("is_deterministic"), default=True),
    }
    check(work)
    return work


def is_true(value: Any, *, default: bool = False) -> bool:
    """A truth value as Azure writes it: true, "True" or "true"."""
    return default if value is None else str(value).lower() == "true"


def _variables(sent: Document | None) -> dict[str, str]:
    return {name: str(value) for name, value in (sent or {}).items()}


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _refuse_distribution(sent: Document | None) -> None:
    if sent and str(sent.get("processCountPerInstance") or sent.get("process_count_per_instance") or 1) != "1":
        raise BadRequest("Distributed jobs are not emulated: one process on one node is.", code="NotEmulated")


def _refuse_resources(sent: Document | None) -> None:
    given = sent or {}
    if str(given.get("instanceCount") or given.get("instance_count") or 1) != "1":
        raise BadRequest("Jobs on several nodes are not emulated: one process on one node is.", code="NotEmulated")
    if given.get("dockerArgs") or given.get("docker_args"):
        raise BadRequest("docker_args are not emulated: jobs run without a container.", code="NotEmulated")


def refuse_services(sent: Document | None) -> None:
    """Raise BadRequest for ways into a running job, of which there are none here."""
    for name, each in (sent or {}).items():
        if (each or {}).get("jobServiceType") not in (None, "Tracking", "Studio"):
            raise BadRequest(f"The service '{name}' is not emulated: a job cannot be entered.", code="NotEmulated")


def refuse_notification(sent: Document | None) -> None:
    """Raise BadRequest for mail that nobody would send."""
    if (sent or {}).get("emailOn"):
        raise BadRequest("notification_setting is not emulated: no mail is sent.", code="NotEmulated")


def refuse_identity(sent: Document | None) -> None:
    kind = str((sent or {}).get("identityType") or (sent or {}).get("type") or "AMLToken")
    if kind.replace("_", "").lower() != "amltoken":
        raise BadRequest(f"A job's identity of type '{kind}' is not emulated: jobs have none.", code="NotEmulated")
