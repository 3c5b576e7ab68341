"""Subscriptions and the resource groups in them."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from emulator import arm
from emulator.errors import NotFound
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

# What a new data folder has.
SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = "rg-ml"


def require_group(azure: Emulator, *, subscription: str, group: str) -> Document:
    """The resource group, or Azure's refusal."""
    if azure.store.get("subscriptions", subscription) is None:
        raise NotFound(f"The subscription '{subscription}' could not be found.", code="SubscriptionNotFound")
    document = azure.store.get("subscriptions", subscription, "groups", group)
    if document is None:
        raise NotFound(f"Resource group '{group}' could not be found.", code="ResourceGroupNotFound")
    return document


@router.get("/subscriptions/{subscription}")
async def get_subscription(azure: Azure, subscription: str) -> Document:
    if azure.store.get("subscriptions", subscription) is None:
        raise NotFound(f"The subscription '{subscription}' could not be found.", code="SubscriptionNotFound")
    return _describe_subscription(subscription)


@router.get("/subscriptions")
async def list_subscriptions(azure: Azure) -> Document:
    return {"value": [_describe_subscription(each["subscriptionId"]) for each in azure.store.children("subscriptions")]}


def _describe_subscription(subscription: str) -> Document:
    return {
        "id": f"/subscriptions/{subscription}",
        "subscriptionId": subscription,
        "displayName": "emulated",
        "state": "Enabled",
    }


_GROUP = "/subscriptions/{subscription}/resourceGroups/{group}"


def _describe_group(subscription: str, group: Document) -> Document:
    return {
        "id": f"/subscriptions/{subscription}/resourceGroups/{group['name']}",
        "name": group["name"],
        "type": "Microsoft.Resources/resourceGroups",
        "location": group["location"],
        "tags": group["tags"],
        "properties": {"provisioningState": "Succeeded"},
    }


@router.get(_GROUP)
async def get_group(azure: Azure, subscription: str, group: str) -> Document:
    return _describe_group(subscription, require_group(azure, subscription=subscription, group=group))


@router.put(_GROUP)
async def put_group(azure: Azure, subscription: str, group: str, body: dict[str, Any]) -> Response:
    if azure.store.get("subscriptions", subscription) is None:
        raise NotFound(f"The subscription '{subscription}' could not be found.", code="SubscriptionNotFound")
    before = azure.store.get("subscriptions", subscription, "groups", group)
    document = {"name": group, "location": arm.location_of(body), "tags": arm.tags_of(body)}
    azure.store.put("subscriptions", subscription, "groups", group, body=document)
    return JSONResponse(_describe_group(subscription, document), status_code=201 if before is None else 200)
