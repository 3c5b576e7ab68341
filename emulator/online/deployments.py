"""Deployments of online endpoints as ARM resources."""

import asyncio
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from emulator import arm
from emulator.identity import Caller
from emulator.online import admission, contents, limits, logs, records, rules, sizes
from emulator.online.endpoints import ENDPOINT
from emulator.operation_api import accepted, status_url
from emulator.state import Azure, Emulator
from emulator.store import Document
from emulator.workspaces import Workspace

router = APIRouter()

DEPLOYMENTS = ENDPOINT + "/deployments"
DEPLOYMENT = DEPLOYMENTS + "/{deployment}"


def describe(azure: Emulator, workspace: Document, deployment: Document) -> Document:
    """The deployment as ARM answers it."""
    facts = deployment["_"]
    operation = status_url(
        azure,
        facts["operation"],
        subscription=workspace["subscription"],
        location=workspace["location"],
        api_version=facts["api_version"],
    )
    sent = deployment["properties"]
    return arm.envelope(
        records.deployment_id(workspace, deployment["endpoint"], deployment["name"]),
        properties={
            **sent,
            "properties": {**sent["properties"], "AzureAsyncOperationUri": operation},
            "provisioningState": records.state(azure, deployment),
        },
        system_data=deployment["systemData"],
        tags=deployment["tags"],
        location=deployment["location"],
        kind="Managed",
        sku=deployment["sku"],
    )


@router.get(DEPLOYMENTS)
async def list_deployments(azure: Azure, workspace: Workspace, endpoint: str) -> Document:
    records.require_endpoint(azure, workspace["name"], endpoint)
    found = records.deployments(azure, workspace["name"], endpoint)
    return {"value": [describe(azure, workspace, each) for each in found], "nextLink": None}


@router.get(DEPLOYMENT)
async def get_deployment(azure: Azure, workspace: Workspace, endpoint: str, deployment: str) -> Document:
    records.require_endpoint(azure, workspace["name"], endpoint)
    return describe(azure, workspace, records.require_deployment(azure, workspace["name"], endpoint, deployment))


@router.put(DEPLOYMENT)
async def put_deployment(
    azure: Azure,
    caller: Caller,
    workspace: Workspace,
    endpoint: str,
    deployment: str,
    body: dict[str, Any],
    request: Request,
) -> Response:
    """Create a deployment, or replace it in place."""
    rules.check_name(deployment, what="deployment")
    wanted = _wanted(body)
    instances = rules.check_instances(arm.object_of(body, "sku").get("capacity", 1))
    contents.check(azure, workspace, wanted)
    with azure.store.transaction():
        parent = records.require_endpoint(azure, workspace["name"], endpoint)
        before = records.deployment(azure, workspace["name"], endpoint, deployment)
        admission.check_open(azure, parent, deployment, new=before is None)
        if before is None:
            admission.check_room(azure, workspace, parent)
        else:
            admission.check_deployment_idle(azure, before)
        admission.check_quota(azure, workspace, wanted["instanceType"], instances, replaces=before)
        document: Document = {
            "name": before["name"] if before else deployment,
            "endpoint": parent["name"],
            "workspace": workspace["name"],
            "location": workspace["location"],
            "tags": arm.tags_of(body),
            "sku": {"name": "Default", "tier": "Standard", "capacity": instances},
            "properties": wanted,
            "systemData": arm.created(caller.name, before=before["systemData"] if before else None),
            "_": {"serving": None, **(before["_"] if before else {})},
        }
        verb = records.CREATING if before is None else records.UPDATING
        operation = _begin(azure, workspace, document, verb=verb, request=request)
    status = 201 if before is None else 200
    return accepted(
        azure, operation, request=request, workspace=workspace, status=status, body=describe(azure, workspace, document)
    )


class Sku(BaseModel):
    capacity: int | None = None


class Patch(BaseModel):
    """What can be changed without a PUT."""

    tags: dict[str, str | None] | None = None
    sku: Sku | None = None


@router.patch(DEPLOYMENT)
async def patch_deployment(
    azure: Azure, caller: Caller, workspace: Workspace, endpoint: str, deployment: str, patch: Patch, request: Request
) -> Response:
    """Tags and the number of instances."""
    with azure.store.transaction():
        document = records.require_deployment(azure, workspace["name"], endpoint, deployment)
        admission.check_deployment_idle(azure, document)
        if patch.sku is not None and patch.sku.capacity is not None:
            instances = rules.check_instances(patch.sku.capacity)
            admission.check_quota(
                azure, workspace, document["properties"]["instanceType"], instances, replaces=document
            )
            document["sku"]["capacity"] = instances
        if patch.tags is not None:
            document["tags"] = arm.tags_of({"tags": patch.tags})
        document["systemData"] = arm.created(caller.name, before=document["systemData"])
        operation = _begin(azure, workspace, document, verb=records.SCALING, request=request)
    return accepted(
        azure, operation, request=request, workspace=workspace, status=202, body=describe(azure, workspace, document)
    )


@router.delete(DEPLOYMENT)
async def delete_deployment(
    azure: Azure, workspace: Workspace, endpoint: str, deployment: str, request: Request
) -> Response:
    with azure.store.transaction():
        parent = records.endpoint(azure, workspace["name"], endpoint)
        document = records.deployment(azure, workspace["name"], endpoint, deployment)
        if parent is None or document is None:
            return Response(status_code=204)
        admission.check_without_traffic(parent, document)
        operation = document["_"]["operation"]
        if records.state(azure, document) != records.DELETING:
            operation = azure.operations.begin(
                "odidp-delete",
                resource=records.deployment_id(workspace, endpoint, deployment),
                workspace=workspace["name"],
                endpoint=parent["name"],
                deployment=document["name"],
            )
            document["_"] |= {
                "operation": operation,
                "verb": records.DELETING,
                "revision": records.new_revision(),  # a creation that is under way is canceled by this
            }
            records.save_deployment(azure, document)
    return accepted(azure, operation, request=request, workspace=workspace, status=202)


class LogsRequest(BaseModel):
    container_type: str | None = Field(default=None, alias="containerType")
    tail: int | None = Field(default=None, ge=0)


@router.post(DEPLOYMENT + "/getLogs")
async def get_logs(
    azure: Azure, workspace: Workspace, endpoint: str, deployment: str, wanted: LogsRequest
) -> dict[str, str]:
    document = records.require_deployment(azure, workspace["name"], endpoint, deployment)
    content = await asyncio.to_thread(logs.read, azure, document, container=wanted.container_type, tail=wanted.tail)
    return {"content": content}


def _begin(azure: Emulator, workspace: Document, document: Document, *, verb: str, request: Request) -> str:
    """Start the operation that makes this document true, and store both."""
    revision = records.new_revision()
    operation = azure.operations.begin(
        "odidp",
        resource=records.deployment_id(workspace, document["endpoint"], document["name"]),
        workspace=workspace["name"],
        endpoint=document["endpoint"],
        deployment=document["name"],
        revision=revision,
    )
    document["_"] |= {
        "operation": operation,
        "verb": verb,
        "revision": revision,
        "api_version": request.query_params.get("api-version", "2023-04-01-preview"),
    }
    records.save_deployment(azure, document)
    return operation


def _wanted(body: Document) -> Document:
    """The properties that a PUT asks for, checked and completed with Azure's defaults."""
    sent = arm.properties_of(body, required=False)
    limits.check_deployment(sent)
    size = sizes.size(sent.get("instanceType"))
    variables = records.text_map(sent.get("environmentVariables"))
    return {
        "description": sent.get("description"),
        "properties": records.text_map(sent.get("properties")),
        "codeConfiguration": sent.get("codeConfiguration"),
        "environmentId": sent.get("environmentId"),
        "environmentVariables": variables,
        "model": sent.get("model"),
        "modelMountPath": None,
        "scaleSettings": {"scaleType": "Default"},
        "requestSettings": rules.request_settings(sent.get("requestSettings")),
        "livenessProbe": rules.probe(sent.get("livenessProbe"), field="livenessProbe"),
        "readinessProbe": rules.probe(sent.get("readinessProbe"), field="readinessProbe"),
        "appInsightsEnabled": False,
        "instanceType": sent.get("instanceType") or size.name,
        "egressPublicNetworkAccess": "Enabled",
        "dataCollector": sent.get("dataCollector"),
        "endpointComputeType": "Managed",
    }
