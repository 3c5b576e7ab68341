"""The documents of endpoints and deployments: where they lie, and what state they are in.

Both keep what was asked for as ARM writes it and the emulator's own facts under ``_``:

    endpoint    _: {operation, verb, revision, provisioned, routing: {traffic, mirror}, keys: {primary, secondary}}
    deployment  _: {operation, verb, revision, serving: {revision, properties, instances} | None}

The provisioning state is not stored: it is the state of the last operation, so that the two can never disagree.
No two revisions are the same, also not of two that had one name one after the other: ``new_revision``.
``routing`` and ``serving`` are what is in force; they change when an operation succeeds.
"""

import time
from typing import Any

from emulator import arm
from emulator.errors import BadRequest, NotFound
from emulator.state import Emulator
from emulator.store import Document

CREATING, UPDATING, SCALING, DELETING = "Creating", "Updating", "Scaling", "Deleting"
SUCCEEDED, FAILED = "Succeeded", "Failed"
BUSY = {CREATING, UPDATING, SCALING, DELETING}


def new_revision() -> int:
    """What is under way for an earlier revision is canceled by it, also where that was deleted together with its number."""
    return time.time_ns()


def endpoint(azure: Emulator, workspace: str, name: str) -> Document | None:
    return azure.store.get("workspaces", workspace, "endpoints", name)


def require_endpoint(azure: Emulator, workspace: str, name: str) -> Document:
    found = endpoint(azure, workspace, name)
    if found is None:
        raise NotFound(f"Endpoint {name} was not found in workspace {workspace}.", code="ResourceNotFound")
    return found


def save_endpoint(azure: Emulator, document: Document) -> None:
    azure.store.put("workspaces", document["workspace"], "endpoints", document["name"], body=document)


def endpoints(azure: Emulator, workspace: str) -> list[Document]:
    return azure.store.children("workspaces", workspace, "endpoints")


def deployment(azure: Emulator, workspace: str, endpoint: str, name: str) -> Document | None:
    return azure.store.get("workspaces", workspace, "endpoints", endpoint, "deployments", name)


def require_deployment(azure: Emulator, workspace: str, endpoint: str, name: str) -> Document:
    found = deployment(azure, workspace, endpoint, name)
    if found is None:
        raise NotFound(f"Deployment {name} was not found in endpoint {endpoint}.", code="ResourceNotFound")
    return found


def save_deployment(azure: Emulator, document: Document) -> None:
    at = document["workspace"], "endpoints", document["endpoint"], "deployments", document["name"]
    azure.store.put("workspaces", *at, body=document)


def deployments(azure: Emulator, workspace: str, endpoint: str) -> list[Document]:
    return azure.store.children("workspaces", workspace, "endpoints", endpoint, "deployments")


def state(azure: Emulator, document: Document) -> str:
    """The provisioning state of an endpoint or deployment."""
    operation = azure.operations.get(document["_"]["operation"])
    if operation is None or operation["status"] == SUCCEEDED:
        return SUCCEEDED
    return str(document["_"]["verb"] if operation["status"] == "InProgress" else operation["status"])


def can_serve(document: Document) -> bool:
    """Whether a deployment has ever been provisioned: then it takes requests, also while it is updated."""
    return document["_"]["serving"] is not None


def endpoint_id(workspace: Document, name: str) -> str:
    return arm.resource_id(workspace, "onlineEndpoints", name)


def deployment_id(workspace: Document, endpoint: str, name: str) -> str:
    return arm.resource_id(workspace, "onlineEndpoints", endpoint, "deployments", name)


def text_map(value: Any) -> dict[str, str]:
    """Tags and properties: texts by name; what is null is left out."""
    if not isinstance(value, dict | None):
        raise BadRequest("Tags and properties must be texts by name.", code="ValidationError")
    return {str(name): str(text) for name, text in (value or {}).items() if text is not None}
