"""Azure Machine Learning workspaces, and the resource groups that they are in."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from emulator import arm, identity, storage
from emulator.errors import Conflict, NotFound
from emulator.groups import require_group
from emulator.identity import Caller
from emulator.operation_api import accepted
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

_NAME = r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}"


def find(azure: Emulator, *, subscription: str, group: str, workspace: str) -> Document:
    """The workspace's document, or Azure's refusal; fields: see ``create``."""
    require_group(azure, subscription=subscription, group=group)
    document = azure.store.get("workspaces", workspace)
    if (
        document is None
        or document["group"].lower() != group.lower()
        or document["subscription"].lower() != subscription.lower()
    ):
        raise NotFound(
            f"The Resource 'Microsoft.MachineLearningServices/workspaces/{workspace}' under resource group '{group}' "
            "was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        )
    return document


async def _existing(azure: Azure, subscription: str, group: str, workspace: str) -> Document:
    return find(azure, subscription=subscription, group=group, workspace=workspace)


# The workspace that a request's path names: a dependency for every route below ``arm.WORKSPACE``.
Workspace = Annotated[Document, Depends(_existing)]


def create(
    azure: Emulator, name: str, *, subscription: str, group: str, location: str, by: str, body: Document | None = None
) -> Document:
    """Write a workspace with its storage account, containers and default datastores; the document."""
    workspace = str(uuid.uuid4())
    account = storage.account_name(subscription, group, name)
    sent = body or {}
    document = {
        "name": name,
        "group": group,
        "subscription": subscription,
        "location": location,
        "workspaceId": workspace,
        "account": account,
        "containers": {
            storage.BLOB_STORE: f"azureml-blobstore-{workspace}",
            storage.ARTIFACT_STORE: "azureml",
        },
        "tags": sent.get("tags") or {},
        "identity": {"type": "SystemAssigned", "principalId": str(uuid.uuid4()), "tenantId": identity.TENANT},
        "properties": sent.get("properties") or {},
        "systemData": arm.created(by),
    }

    with azure.store.transaction():
        azure.store.put("workspaces", name, body=document)
        storage.create_account(azure, account, subscription=subscription, group=group)
        storage.create_default_datastores(azure, document, by=by)
    return document


def describe(azure: Emulator, workspace: Document) -> Document:
    """The workspace as ARM answers it."""
    group = f"/subscriptions/{workspace['subscription']}/resourceGroups/{workspace['group']}"
    resource = arm.workspace_id(workspace)
    sent = workspace["properties"]
    return arm.envelope(
        resource,
        properties={
            "friendlyName": sent.get("friendlyName") or workspace["name"],
            "description": sent.get("description") or "",
            "workspaceId": workspace["workspaceId"],
            "storageAccount": sent.get("storageAccount")
            or f"{group}/providers/Microsoft.Storage/storageAccounts/{workspace['account']}",
            "keyVault": sent.get("keyVault"),
            "applicationInsights": sent.get("applicationInsights"),
            "containerRegistry": sent.get("containerRegistry"),
            "hbiWorkspace": bool(sent.get("hbiWorkspace")),
            "publicNetworkAccess": sent.get("publicNetworkAccess") or "Enabled",
            "provisioningState": "Succeeded",
            "discoveryUrl": f"{azure.base_url}/discovery",
            "mlFlowTrackingUri": f"azureml://{azure.authority}/mlflow/v1.0{resource}",
            "notebookInfo": None,
            "privateEndpointConnections": [],
            "v1LegacyMode": False,
        },
        system_data=workspace["systemData"],
        location=workspace["location"],
        tags=workspace["tags"],
        identity=workspace["identity"],
        kind=sent.get("kind") or "Default",
        sku={"name": "Basic", "tier": "Basic"},
    )


@router.get(arm.WORKSPACE)
async def get_workspace(azure: Azure, workspace: Workspace) -> Document:
    return describe(azure, workspace)


@router.get(arm.PROVIDER + "/workspaces")
async def list_group_workspaces(azure: Azure, subscription: str, group: str) -> Document:
    require_group(azure, subscription=subscription, group=group)
    return {
        "value": [
            describe(azure, each)
            for each in azure.store.children("workspaces")
            if (each["subscription"].lower(), each["group"].lower()) == (subscription.lower(), group.lower())
        ]
    }


@router.get("/subscriptions/{subscription}/providers/Microsoft.MachineLearningServices/workspaces")
async def list_subscription_workspaces(azure: Azure, subscription: str) -> Document:
    return {
        "value": [
            describe(azure, each)
            for each in azure.store.children("workspaces")
            if each["subscription"].lower() == subscription.lower()
        ]
    }


@router.put(arm.WORKSPACE)
async def put_workspace(
    azure: Azure, caller: Caller, subscription: str, group: str, workspace: str, body: dict[str, Any]
) -> Response:
    """Create a workspace, or update its tags and descriptions."""
    found = require_group(azure, subscription=subscription, group=group)
    arm.check_name(workspace, what="workspace", pattern=_NAME)
    location, tags, properties = arm.location_of(body), arm.tags_of(body), arm.properties_of(body, required=False)
    with azure.store.transaction():
        before = azure.store.get("workspaces", workspace)
        if before is None:
            create(
                azure,
                workspace,
                subscription=subscription,
                group=found["name"],
                location=location,
                by=caller.name,
                body=body,
            )
        elif (before["subscription"], before["group"].lower()) != (subscription, group.lower()):
            # One name, one workspace: names are what the emulator files everything under.
            raise Conflict(f"A workspace named '{workspace}' exists in resource group '{before['group']}'.")
        else:
            azure.store.put(
                "workspaces",
                workspace,
                body={
                    **before,
                    "tags": tags,
                    "properties": {**before["properties"], **properties},
                    "systemData": arm.created(caller.name, before=before["systemData"]),
                },
            )
        document = find(azure, subscription=subscription, group=group, workspace=workspace)
    return JSONResponse(describe(azure, document), status_code=201 if before is None else 200)


@router.patch(arm.WORKSPACE)
async def patch_workspace(azure: Azure, caller: Caller, workspace: Workspace, body: dict[str, Any]) -> Document:
    document = {
        **workspace,
        "tags": arm.tags_of(body) if body.get("tags") is not None else workspace["tags"],
        "properties": {**workspace["properties"], **arm.properties_of(body, required=False)},
        "systemData": arm.created(caller.name, before=workspace["systemData"]),
    }
    azure.store.put("workspaces", workspace["name"], body=document)
    return describe(azure, document)


@router.delete(arm.WORKSPACE)
async def delete_workspace(azure: Azure, subscription: str, group: str, workspace: str, request: Request) -> Response:
    require_group(azure, subscription=subscription, group=group)
    document = azure.store.get("workspaces", workspace)
    if document is None:
        return Response(status_code=204)
    if azure.store.children("workspaces", workspace, "endpoints"):
        raise Conflict(
            f"Workspace '{workspace}' still has online endpoints. Delete them first.", code="WorkspaceHasResources"
        )
    operation = azure.operations.begin(
        "delete_workspace", resource=arm.workspace_id(document), workspace=document["name"]
    )
    return accepted(azure, operation, request=request, workspace=document, status=202)


def register(azure: Emulator) -> None:
    """Tell what the operations of this module do."""

    async def delete(workspace: str) -> None:
        azure.store.delete("workspaces", workspace)

    azure.operations.register("delete_workspace", delete, delay="workspace")
