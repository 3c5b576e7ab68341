"""A workspace's datastores: named containers of its storage account."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from emulator import arm
from emulator.errors import BadRequest, NotFound
from emulator.identity import Caller
from emulator.state import Azure, Emulator
from emulator.storage import STORAGE_SUFFIX
from emulator.store import Document
from emulator.workspaces import Workspace

router = APIRouter()


def find(azure: Emulator, workspace: str, name: str) -> Document:
    """A datastore's document by its name, or Azure's refusal."""
    document = azure.store.get("workspaces", workspace, "datastores", name)
    if document is None:
        raise NotFound(f"Could not find datastore: {name}.", code="UserError")
    return document


def _describe(azure: Emulator, workspace: Document, document: Document) -> Document:
    properties = dict(document["properties"])
    if azure.store.get("accounts", properties.get("accountName") or "-"):
        properties["accountName"] = f"{azure.authority}/{properties['accountName']}"
    return arm.envelope(
        arm.resource_id(workspace, "datastores", document["name"]),
        properties={
            **properties,
            "isDefault": document["isDefault"],
            "endpoint": STORAGE_SUFFIX,
            "protocol": "https",
            "serviceDataAccessAuthIdentity": "None",
            "subscriptionId": workspace["subscription"],
            "resourceGroup": workspace["group"],
        },
        system_data=document["systemData"],
    )


@router.get(arm.WORKSPACE + "/datastores")
async def list_datastores(azure: Azure, workspace: Workspace, isDefault: bool | None = None) -> Document:  # noqa: N803 - Azure's query name
    documents = azure.store.children("workspaces", workspace["name"], "datastores")
    return {
        "value": [
            _describe(azure, workspace, each)
            for each in documents
            if isDefault is None or each["isDefault"] == isDefault
        ]
    }


@router.get(arm.WORKSPACE + "/datastores/{name}")
async def get_datastore(azure: Azure, workspace: Workspace, name: str) -> Document:
    return _describe(azure, workspace, find(azure, workspace["name"], name))


@router.post(arm.WORKSPACE + "/datastores/{name}/listSecrets")
async def list_secrets(azure: Azure, workspace: Workspace, name: str) -> Document:
    """The key of the datastore's account. Azure refuses this for identity-based datastores."""
    properties = find(azure, workspace["name"], name)["properties"]
    kind = properties["credentials"]["credentialsType"]
    if kind == "None":
        raise BadRequest(f"Datastore {name} has no secrets: it uses identity-based access.", code="UserError")
    secrets = azure.store.get("datastore_secrets", workspace["name"], name)
    if secrets is not None:
        return secrets
    account = azure.store.get("accounts", properties["accountName"])
    if account is None:
        raise NotFound(f"Storage account {properties['accountName']} was not found.", code="UserError")
    return {"secretsType": "AccountKey", "key": account["key"]}


@router.put(arm.WORKSPACE + "/datastores/{name}")
async def put_datastore(
    azure: Azure, caller: Caller, workspace: Workspace, name: str, body: dict[str, Any]
) -> Response:
    arm.check_name(name, what="datastore", pattern=r"[a-zA-Z0-9_]{1,255}")
    properties = dict(arm.properties_of(body))
    if properties.get("datastoreType") != "AzureBlob":
        raise BadRequest("The emulator has datastores of type AzureBlob only.", code="ValidationError")
    if not properties.get("accountName") or not properties.get("containerName"):
        raise BadRequest("accountName and containerName are required.", code="ValidationError")
    properties["accountName"] = properties["accountName"].removeprefix(f"{azure.authority}/")
    if azure.store.get("accounts", properties["accountName"]) is None:
        raise BadRequest(f"Storage account {properties['accountName']} does not exist.", code="ValidationError")
    credentials = arm.object_of(properties, "credentials") or {"credentialsType": "None"}
    secrets = credentials.pop("secrets", None)
    properties["credentials"] = credentials
    before = azure.store.get("workspaces", workspace["name"], "datastores", name)
    with azure.store.transaction():
        azure.store.put(
            "workspaces",
            workspace["name"],
            "datastores",
            name,
            body={
                "name": name,
                "isDefault": bool(before and before["isDefault"]),
                "properties": properties,
                "systemData": arm.created(caller.name, before=before["systemData"] if before else None),
            },
        )
        if secrets:
            azure.store.put("datastore_secrets", workspace["name"], name, body=secrets)
    return JSONResponse(
        _describe(azure, workspace, find(azure, workspace["name"], name)), status_code=201 if before is None else 200
    )


@router.delete(arm.WORKSPACE + "/datastores/{name}")
async def delete_datastore(azure: Azure, workspace: Workspace, name: str) -> Response:
    if name in workspace["containers"]:
        raise BadRequest(f"Datastore {name} belongs to the workspace and cannot be deleted.", code="UserError")
    gone = azure.store.delete("workspaces", workspace["name"], "datastores", name)
    azure.store.delete("datastore_secrets", workspace["name"], name)
    return Response(status_code=200 if gone else 204)
