"""Key Vault: vaults as ARM resources, and the secrets in them for the unmodified SecretClient.

A vault's address is ``https://127.0.0.1:PORT/keyvault/<vault>``. SecretClient reads a secret's name and version from its id, of
which it wants exactly three path segments: so the ids here have the vault in the first one, with its slashes encoded. Such
an id is still an address that works.
"""

import re
import time
import uuid
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse

from emulator import arm, identity
from emulator.errors import AzureError, BadRequest, Conflict, Forbidden, NotFound
from emulator.state import Azure, Emulator
from emulator.store import Document
from emulator.workspaces import require_group

router = APIRouter()

_VAULT = arm.PROVIDERS + "/Microsoft.KeyVault/vaults/{vault}"
_VAULT_NAME = r"[a-zA-Z][a-zA-Z0-9-]{1,22}[a-zA-Z0-9]"
_SECRET_NAME = r"[0-9a-zA-Z-]{1,127}"  # noqa: S105 - a pattern of names
_LARGEST = 25 * 1024


class Challenge(AzureError):
    """401 with the header from which SecretClient learns where to get a token."""

    status = 401
    default_code = "Unauthorized"

    def __init__(self, azure: Emulator) -> None:
        super().__init__("AKV10000: Request is missing a Bearer or PoP token.")
        # SecretClient wants the resource to be a parent domain of the vault's host. Of 127.0.0.1 that is 0.0.1.
        resource = "https://" + azure.authority.split(".", 1)[1]
        authority = f"{azure.base_url}/{identity.TENANT}"
        self.headers = {"WWW-Authenticate": f'Bearer authorization="{authority}", resource="{resource}"'}


def create(azure: Emulator, name: str, *, subscription: str, group: str, location: str) -> Document:
    document = {"name": name, "subscription": subscription, "group": group, "location": location, "tags": {}}
    azure.store.put("vaults", name, body=document)
    return document


def _vault_id(vault: Document) -> str:
    group = f"/subscriptions/{vault['subscription']}/resourceGroups/{vault['group']}"
    return f"{group}/providers/Microsoft.KeyVault/vaults/{vault['name']}"


def vault_url(azure: Emulator, vault: str) -> str:
    return f"{azure.base_url}/keyvault/{vault}"


def _describe_vault(azure: Emulator, vault: Document) -> Document:
    return arm.envelope(
        _vault_id(vault),
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
    before = azure.store.get("vaults", vault)
    if before and before["group"].lower() != group.lower():
        raise Conflict(f"The vault name '{vault}' is already in use.", code="VaultAlreadyExists")
    document = before or create(azure, vault, subscription=subscription, group=group, location=location)
    document = {**document, "tags": arm.tags_of(body)}
    azure.store.put("vaults", vault, body=document)
    return JSONResponse(_describe_vault(azure, document), status_code=201 if before is None else 200)


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


_ACTIONS = {"GET": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete", "POST": "write"}


async def _open_vault(azure: Azure, vault: str, request: Request) -> Document:
    try:
        principal = identity.authenticate(azure, request.headers.get("authorization"))
    except AzureError:
        raise Challenge(azure) from None
    document = azure.store.get("vaults", vault)
    if document is None:
        raise NotFound(f"The vault {vault} does not exist.", code="VaultNotFound")
    action = f"Microsoft.KeyVault/vaults/secrets/{_ACTIONS[request.method]}"
    try:
        identity.authorize(principal, action, scope=_vault_id(document))
    except Forbidden:
        raise Forbidden(
            f"Caller is not authorized to perform action on resource. Action: '{action}' Caller: "
            f"appid={principal.client_id};oid={principal.object_id} Vault: {vault}",
            code="Forbidden",
        ) from None
    return document


Vault = Annotated[Document, Depends(_open_vault)]
_SECRET = "/keyvault/{vault}/secrets/{name}"  # noqa: S105 - a path
_DELETED = "/keyvault/{vault}/deletedsecrets"


def _id(azure: Emulator, vault: str, *parts: str, collection: str = "secrets") -> str:
    return f"{azure.base_url}/{quote(f'keyvault/{vault}/{collection}', safe='')}/" + "/".join(parts)


def _find(azure: Emulator, vault: str, name: str) -> Document:
    document = azure.store.get("vaults", vault, "secrets", name)
    if document is None:
        raise NotFound(
            f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you may "
            "be able to recover it using the correct recovery command.",
            code="SecretNotFound",
        )
    return document


def _describe(azure: Emulator, vault: str, document: Document, version: Document, *, value: bool = True) -> Document:
    described = {
        "id": _id(azure, vault, document["name"], version["version"]),
        "attributes": {**version["attributes"], "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90},
        "tags": version["tags"],
    }
    if version.get("contentType"):
        described["contentType"] = version["contentType"]
    return {"value": version["value"], **described} if value else described


@router.put(_SECRET)
async def set_secret(azure: Azure, of: Vault, name: str, body: dict[str, Any]) -> Document:
    """A new version of a secret."""
    if not re.fullmatch(_SECRET_NAME, name):
        raise BadRequest(f"The request URI contains an invalid name: {name}", code="BadParameter")
    value = body.get("value")
    if not isinstance(value, str):
        raise BadRequest("Property value must be a string.", code="BadParameter")
    if len(value.encode()) > _LARGEST:
        raise BadRequest("The secret's value is larger than 25 KB.", code="BadParameter")
    vault = of["name"]
    with azure.store.transaction():
        if azure.store.get("vaults", vault, "deleted", name):
            raise Conflict(
                f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this "
                "state, the secret can only be recovered or purged.",
                code="Conflict",
            )
        now = int(time.time())
        sent = {key: each for key, each in (body.get("attributes") or {}).items() if each is not None}
        version = {
            "version": uuid.uuid4().hex,
            "value": value,
            "contentType": body.get("contentType"),
            "tags": body.get("tags") or {},
            "attributes": {"enabled": True, **sent, "created": now, "updated": now},
        }
        before = azure.store.get("vaults", vault, "secrets", name) or {"name": name, "versions": []}
        document = {**before, "versions": [*before["versions"], version]}
        azure.store.put("vaults", vault, "secrets", name, body=document)
    return _describe(azure, vault, document, version)


@router.get(_SECRET)
@router.get(_SECRET + "/")
@router.get(_SECRET + "/{version}")
async def get_secret(azure: Azure, of: Vault, name: str, version: str = "") -> Document:
    if version == "versions":
        return await list_versions(azure, of, name)
    document = _find(azure, of["name"], name)
    found = _version(document, version)
    if not found["attributes"]["enabled"]:
        raise Forbidden("Operation get is not allowed on a disabled secret.", code="Forbidden")
    return _describe(azure, of["name"], document, found)


def _version(document: Document, version: str) -> Document:
    if not version:
        latest: Document = document["versions"][-1]
        return latest
    for each in document["versions"]:
        if each["version"] == version:
            return dict(each)
    raise NotFound(
        f"A secret with (name/id) {document['name']}/{version} was not found in this key vault.", code="SecretNotFound"
    )


@router.patch(_SECRET + "/{version}")
@router.patch(_SECRET)
@router.patch(_SECRET + "/")
async def update_secret(azure: Azure, of: Vault, name: str, body: dict[str, Any], version: str = "") -> Document:
    """Change what is said about a version; never its value."""
    with azure.store.transaction():
        document = _find(azure, of["name"], name)
        found = _version(document, version)
        attributes = {key: each for key, each in (body.get("attributes") or {}).items() if each is not None}
        changed = {**found, "attributes": {**found["attributes"], **attributes, "updated": int(time.time())}}
        for field in ("tags", "contentType"):
            if body.get(field) is not None:
                changed[field] = body[field]
        versions = [changed if each["version"] == found["version"] else each for each in document["versions"]]
        azure.store.put("vaults", of["name"], "secrets", name, body={**document, "versions": versions})
    return _describe(azure, of["name"], document, changed, value=False)


@router.get("/keyvault/{vault}/secrets")
async def list_secrets(azure: Azure, of: Vault) -> Document:
    vault = of["name"]
    listed = []
    for document in azure.store.children("vaults", vault, "secrets"):
        described = _describe(azure, vault, document, document["versions"][-1], value=False)
        listed.append({**described, "id": _id(azure, vault, document["name"])})
    return {"value": listed, "nextLink": None}


async def list_versions(azure: Emulator, of: Document, name: str) -> Document:
    document = _find(azure, of["name"], name)
    listed = [_describe(azure, of["name"], document, each, value=False) for each in document["versions"]]
    return {"value": listed, "nextLink": None}


@router.delete(_SECRET)
async def delete_secret(azure: Azure, of: Vault, name: str) -> Document:
    """Delete softly: the secret can be recovered until it is purged."""
    vault = of["name"]
    with azure.store.transaction():
        document = {**_find(azure, vault, name), "deleted": int(time.time())}
        azure.store.delete("vaults", vault, "secrets", name)
        azure.store.put("vaults", vault, "deleted", name, body=document)
    return _describe_deleted(azure, vault, document)


def _describe_deleted(azure: Emulator, vault: str, document: Document) -> Document:
    return {
        **_describe(azure, vault, document, document["versions"][-1], value=False),
        "recoveryId": _id(azure, vault, document["name"], collection="deletedsecrets"),
        "deletedDate": document["deleted"],
        "scheduledPurgeDate": document["deleted"] + 90 * 86400,
    }


def _find_deleted(azure: Emulator, vault: str, name: str) -> Document:
    document = azure.store.get("vaults", vault, "deleted", name)
    if document is None:
        raise NotFound(f"Deleted Secret not found: {name}", code="SecretNotFound")
    return document


@router.get(_DELETED)
async def list_deleted(azure: Azure, of: Vault) -> Document:
    deleted = azure.store.children("vaults", of["name"], "deleted")
    return {"value": [_describe_deleted(azure, of["name"], each) for each in deleted], "nextLink": None}


@router.get(_DELETED + "/{name}")
async def get_deleted(azure: Azure, of: Vault, name: str) -> Document:
    return _describe_deleted(azure, of["name"], _find_deleted(azure, of["name"], name))


@router.post(_DELETED + "/{name}/recover")
async def recover_secret(azure: Azure, of: Vault, name: str) -> Document:
    vault = of["name"]
    with azure.store.transaction():
        document = _find_deleted(azure, vault, name)
        azure.store.delete("vaults", vault, "deleted", name)
        restored = {key: value for key, value in document.items() if key != "deleted"}
        azure.store.put("vaults", vault, "secrets", name, body=restored)
    return _describe(azure, vault, restored, restored["versions"][-1], value=False)


@router.delete(_DELETED + "/{name}")
async def purge_secret(azure: Azure, of: Vault, name: str) -> Response:
    _find_deleted(azure, of["name"], name)
    azure.store.delete("vaults", of["name"], "deleted", name)
    return Response(status_code=204)
