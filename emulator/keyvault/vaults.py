"""Vaults as ARM resources."""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from emulator import arm, identity
from emulator.errors import BadRequest, Conflict, NotFound
from emulator.groups import require_group
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

_VAULT = arm.PROVIDERS + "/Microsoft.KeyVault/vaults/{vault}"
_VAULT_NAME = r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]"


def create(azure: Emulator, name: str, *, subscription: str, group: str, location: str) -> Document:
    document = {"name": name, "subscription": subscription, "group": group, "location": location, "tags": {}}
    azure.store.put("vaults", name, body=document)
    return document


def vault_id(vault: Document) -> str:
    group = f"/subscriptions/{vault['subscription']}/resourceGroups/{vault['group']}"
    return f"{group}/providers/Microsoft.KeyVault/vaults/{vault['name']}"


def vault_url(azure: Emulator, vault: str) -> str:
    return f"{azure.base_url}/keyvault/{vault}"


def _describe_vault(azure: Emulator, vault: Document) -> Document:
    return arm.envelope(
        vault_id(vault),
        properties={
            "vaultUri": vault_url(azure, vault["name"]) + "/",
            "tenantId": identity.TENANT,
            "sku": {"family": "A", "name": "standard"},
            "enableRbacAuthorization": True,
            "enableSoftDelete": True,
            "provisioningState": "Succeeded",
        },
        location=vault["location"],
        tags=vault["tags"],
    )


@router.put(_VAULT)
async def put_vault(azure: Azure, subscription: str, group: str, vault: str, body: dict[str, Any]) -> Response:
    require_group(azure, subscription=subscription, group=group)
    arm.check_name(vault, what="vault", pattern=_VAULT_NAME)
    location = arm.location_of(body)
    _check_properties(arm.properties_of(body))
    before = azure.store.get("vaults", vault)
    if before and before["group"].lower() != group.lower():
        raise Conflict(f"The vault name '{vault}' is already in use.", code="VaultAlreadyExists")
    document = before or create(azure, vault, subscription=subscription, group=group, location=location)
    document = {**document, "tags": arm.tags_of(body)}
    azure.store.put("vaults", vault, body=document)
    return JSONResponse(_describe_vault(azure, document), status_code=201 if before is None else 200)


def _check_properties(sent: Document) -> None:
    """What a vault cannot be without, and the one property that can only be switched on."""
    sku = arm.object_of(sent, "sku")
    if not isinstance(sent.get("tenantId"), str) or str(sku.get("family")).upper() != "A" or not sku.get("name"):
        raise BadRequest("A vault needs properties.tenantId, and properties.sku with family A and a name.", code="BadRequest")  # fmt: skip
    if sent.get("enablePurgeProtection") is False:
        raise BadRequest(
            'The property "enablePurgeProtection" cannot be set to false. Enabling the purge protection for a vault is an irreversible '
            "action.",
            code="BadRequest",
        )
    days = sent.get("softDeleteRetentionInDays", 90)
    if not isinstance(days, int) or not 7 <= days <= 90:
        raise BadRequest('The property "softDeleteRetentionInDays" must be from 7 to 90.', code="BadRequest")


@router.get(_VAULT)
async def get_vault(azure: Azure, subscription: str, group: str, vault: str) -> Document:
    require_group(azure, subscription=subscription, group=group)
    document = azure.store.get("vaults", vault)
    if document is None or document["group"].lower() != group.lower():
        raise NotFound(
            f"The Resource 'Microsoft.KeyVault/vaults/{vault}' under resource group '{group}' was not found."
        )
    return _describe_vault(azure, document)


@router.delete(_VAULT)
async def delete_vault(azure: Azure, vault: str) -> Response:
    return Response(status_code=200 if azure.store.delete("vaults", vault) else 204)
