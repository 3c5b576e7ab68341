"""Compute clusters: names that jobs are sent to. Jobs run on this machine, whatever a cluster says of itself."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from emulator import arm
from emulator.errors import BadRequest, NotFound
from emulator.identity import Caller
from emulator.state import Azure, Emulator
from emulator.store import Document
from emulator.workspaces import Workspace

router = APIRouter()

_NAME = r"[a-zA-Z][a-zA-Z0-9-]{0,30}[a-zA-Z0-9]"


def create_cluster(
    azure: Emulator, workspace: Document, name: str, *, by: str, properties: Document | None = None
) -> Document:
    """Write an AmlCompute cluster; the document."""
    before = azure.store.get("workspaces", workspace["name"], "computes", name)
    document = {
        "name": name,
        "properties": properties
        or {
            "computeType": "AmlCompute",
            "properties": {
                "vmSize": "STANDARD_DS3_V2",
                "vmPriority": "Dedicated",
                "osType": "Linux",
                "scaleSettings": {"minNodeCount": 0, "maxNodeCount": 4, "nodeIdleTimeBeforeScaleDown": "PT2M"},
            },
        },
        "systemData": arm.created(by, before=before["systemData"] if before else None),
    }
    azure.store.put("workspaces", workspace["name"], "computes", name, body=document)
    return document


def find(azure: Emulator, workspace: str, name: str) -> Document:
    """A cluster's document, or Azure's refusal."""
    document = azure.store.get("workspaces", workspace, "computes", name)
    if document is None:
        raise NotFound(f"Compute target '{name}' was not found in workspace '{workspace}'.", code="ComputeNotFound")
    return document


def _describe(workspace: Document, document: Document) -> Document:
    sent = document["properties"]
    return arm.envelope(
        arm.resource_id(workspace, "computes", document["name"]),
        properties={
            **sent,
            "provisioningState": "Succeeded",
            "createdOn": document["systemData"]["createdAt"],
            "modifiedOn": document["systemData"]["lastModifiedAt"],
            "provisioningErrors": None,
            "isAttachedCompute": False,
            "disableLocalAuth": True,
            "properties": {
                **(sent.get("properties") or {}),
                "allocationState": "Steady",
                "currentNodeCount": 0,
                "targetNodeCount": 0,
                "errors": None,
            },
        },
        system_data=document["systemData"],
        location=workspace["location"],
        tags=document.get("tags") or {},
    )


@router.get(arm.WORKSPACE + "/computes")
async def list_computes(azure: Azure, workspace: Workspace) -> Document:
    return {
        "value": [
            _describe(workspace, each) for each in azure.store.children("workspaces", workspace["name"], "computes")
        ]
    }


@router.get(arm.WORKSPACE + "/computes/{name}")
async def get_compute(azure: Azure, workspace: Workspace, name: str) -> Document:
    return _describe(workspace, find(azure, workspace["name"], name))


@router.put(arm.WORKSPACE + "/computes/{name}")
async def put_compute(azure: Azure, caller: Caller, workspace: Workspace, name: str, body: dict[str, Any]) -> Response:
    arm.check_name(name, what="compute", pattern=_NAME)
    properties = arm.properties_of(body)
    if properties.get("computeType") != "AmlCompute":
        raise BadRequest("The emulator has computes of type AmlCompute only.", code="ValidationError")
    _check_scale(properties)
    there = azure.store.get("workspaces", workspace["name"], "computes", name) is not None
    document = create_cluster(azure, workspace, name, by=caller.name, properties=properties)
    return JSONResponse(_describe(workspace, document), status_code=200 if there else 201)


def _check_scale(properties: Document) -> None:
    scale = arm.object_of(arm.object_of(properties, "properties"), "scaleSettings")
    most, least = scale.get("maxNodeCount"), scale.get("minNodeCount", 0)
    if scale and (not isinstance(most, int) or not isinstance(least, int) or not 0 <= least <= most):
        raise BadRequest(
            "scaleSettings needs maxNodeCount, a whole number that is not below minNodeCount.", code="ValidationError"
        )


@router.delete(arm.WORKSPACE + "/computes/{name}")
async def delete_compute(azure: Azure, workspace: Workspace, name: str) -> Response:
    return Response(status_code=200 if azure.store.delete("workspaces", workspace["name"], "computes", name) else 204)
