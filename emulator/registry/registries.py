"""Registries: where they are, and what tells the SDK so."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from emulator import arm, identity, storage
from emulator.errors import BadRequest, Conflict, NotFound
from emulator.groups import require_group
from emulator.identity import Caller
from emulator.operation_api import accepted
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

_NAME = r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,32}"
_RESOURCE = arm.PROVIDER + "/registries/{registry}"


def create(
    azure: Emulator,
    name: str,
    *,
    subscription: str,
    group: str,
    location: str,
    by: str,
    tags: Document | None = None,
    properties: Document | None = None,
) -> Document:
    """Write a registry with a storage account of its own; the document."""
    account = storage.account_name("registry", subscription, group, name)
    document = {
        "name": name,
        "subscription": subscription,
        "group": group,
        "location": location,
        "regions": _regions(properties or {}, home=location) or [location],
        "registryId": str(uuid.uuid4()),
        "account": account,
        "tags": tags or {},
        "properties": properties or {},
        "systemData": arm.created(by),
    }
    with azure.store.transaction():
        storage.create_account(azure, account, subscription=subscription, group=group)
        azure.store.put("registries", name, body=document)
    return document


def _regions(properties: Document, *, home: str) -> list[str]:
    """Where its content is. Raises BadRequest unless its own location is among them."""
    details = properties.get("regionDetails") or []
    if not isinstance(details, list) or not all(isinstance(each, dict) for each in details):
        raise BadRequest("regionDetails must be a list of objects with a location.", code="ValidationError")
    regions = [arm.location_of(each) for each in details]
    if regions and home not in regions:
        raise BadRequest(f"The registry's location '{home}' must be one of its regions.", code="ValidationError")
    return regions


def find(azure: Emulator, name: str) -> Document:
    """The registry's document, or Azure's refusal."""
    document = azure.store.get("registries", name)
    if document is None:
        raise NotFound(f"Registry {name} was not found.", code="UserError")
    return document


async def _existing(azure: Azure, registry: str) -> Document:
    return find(azure, registry)


# The registry that a request's path names: a dependency for every route below ``arm.REGISTRY``.
Registry = Annotated[Document, Depends(_existing)]


def registry_id(registry: Document) -> str:
    return (
        f"/subscriptions/{registry['subscription']}/resourceGroups/{registry['group']}"
        f"/providers/Microsoft.MachineLearningServices/registries/{registry['name']}"
    )


def _describe(azure: Emulator, registry: Document) -> Document:
    return arm.envelope(
        registry_id(registry),
        properties={
            **registry["properties"],
            "discoveryUrl": f"{azure.base_url}/registrymanagement/v1.0/registries/{registry['name']}/discovery",
            "regionDetails": [
                {"location": each, "acrDetails": [], "storageAccountDetails": []} for each in registry["regions"]
            ],
            "publicNetworkAccess": "Enabled",
            "mlFlowRegistryUri": f"azureml://{azure.authority}/mlflow/v1.0{registry_id(registry)}",
        },
        system_data=registry["systemData"],
        location=registry["location"],
        tags=registry["tags"],
        identity={"type": "SystemAssigned"},
        sku={"name": "Basic", "tier": "Basic"},
        kind="",
    )


@router.get("/registrymanagement/v1.0/registries/{registry}/discovery")
async def discovery(azure: Azure, caller: Caller, registry: Registry) -> Document:
    """Where a registry's content is served."""
    identity.authorize(caller, "Microsoft.MachineLearningServices/registries/read", scope=registry_id(registry))
    return {
        "registryId": registry["registryId"],
        "registryName": registry["name"],
        "tenantId": identity.TENANT,
        "primaryRegion": registry["location"],
        "regions": registry["regions"],
        "subscriptionId": registry["subscription"],
        "resourceGroup": registry["group"],
        "workspaceName": None,
        "primaryRegionResourceProviderUri": f"{azure.base_url}/",
        "registryFqdns": {region: {"uri": azure.base_url} for region in registry["regions"]},
        "intellectualPropertyPublisher": None,
        "isTradeRestricted": False,
    }


@router.get(_RESOURCE)
async def get_registry(azure: Azure, subscription: str, group: str, registry: str) -> Document:
    require_group(azure, subscription=subscription, group=group)
    document = azure.store.get("registries", registry)
    if document is None or document["group"].lower() != group.lower():
        raise NotFound(
            f"The Resource 'Microsoft.MachineLearningServices/registries/{registry}' under resource group '{group}' was not found."
        )
    return _describe(azure, document)


@router.get(arm.PROVIDER + "/registries")
async def list_registries(azure: Azure, subscription: str, group: str) -> Document:
    require_group(azure, subscription=subscription, group=group)
    return {
        "value": [
            _describe(azure, each)
            for each in azure.store.children("registries")
            if each["group"].lower() == group.lower()
        ]
    }


@router.put(_RESOURCE)
async def put_registry(
    azure: Azure, caller: Caller, subscription: str, group: str, registry: str, body: dict[str, Any]
) -> Response:
    """Create a registry, or change its tags and regions."""
    found = require_group(azure, subscription=subscription, group=group)
    arm.check_name(registry, what="registry", pattern=_NAME)
    location, tags, properties = arm.location_of(body), arm.tags_of(body), arm.properties_of(body, required=False)
    where = {"subscription": subscription, "group": found["name"], "location": location}
    before = azure.store.get("registries", registry)
    if before and before["group"].lower() != group.lower():
        raise Conflict(f"The registry name '{registry}' is in use.", code="Conflict")
    if before is None:
        document = create(azure, registry, **where, by=caller.name, tags=tags, properties=properties)
    else:
        document = {
            **before,
            "tags": tags,
            "regions": _regions(properties, home=before["location"]) or before["regions"],
            "systemData": arm.created(caller.name, before=before["systemData"]),
        }
        azure.store.put("registries", registry, body=document)
    return JSONResponse(_describe(azure, document), status_code=201 if before is None else 200)


@router.delete(_RESOURCE)
async def delete_registry(azure: Azure, request: Request, subscription: str, group: str, registry: str) -> Response:
    require_group(azure, subscription=subscription, group=group)
    document = azure.store.get("registries", registry)
    if document is None:
        return Response(status_code=204)
    operation = azure.operations.begin("delete_registry", resource=registry_id(document), registry=document["name"])
    return accepted(azure, operation, request=request, workspace=document, status=202)
