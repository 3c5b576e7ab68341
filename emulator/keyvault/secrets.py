"""Secrets and their versions."""

import re
import time
import uuid
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter

from emulator.errors import BadRequest, Conflict, Forbidden, NotFound
from emulator.keyvault.access import Vault
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

_SECRET_NAME = r"[0-9a-zA-Z-]{1,127}"  # noqa: S105 - a pattern of names
_LARGEST = 25 * 1024
SECRET = "/keyvault/{vault}/secrets/{name}"  # noqa: S105 - a path


def id_of(azure: Emulator, vault: str, *parts: str, collection: str = "secrets") -> str:
    return f"{azure.base_url}/{quote(f'keyvault/{vault}/{collection}', safe='')}/" + "/".join(parts)


def find(azure: Emulator, vault: str, name: str) -> Document:
    document = azure.store.get("vaults", vault, "secrets", name)
    if document is None:
        raise NotFound(
            f"A secret with (name/id) {name} was not found in this key vault. If you recently deleted this secret you may "
            "be able to recover it using the correct recovery command.",
            code="SecretNotFound",
        )
    return document


def describe(azure: Emulator, vault: str, document: Document, version: Document, *, value: bool = True) -> Document:
    described = {
        "id": id_of(azure, vault, document["name"], version["version"]),
        "attributes": {**version["attributes"], "recoveryLevel": "Recoverable+Purgeable", "recoverableDays": 90},
        "tags": version["tags"],
    }
    if version.get("contentType"):
        described["contentType"] = version["contentType"]
    return {"value": version["value"], **described} if value else described


@router.put(SECRET)
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
    return describe(azure, vault, document, version)


@router.get(SECRET)
@router.get(SECRET + "/")
@router.get(SECRET + "/{version}")
async def get_secret(azure: Azure, of: Vault, name: str, version: str = "") -> Document:
    if version == "versions":
        return await list_versions(azure, of, name)
    document = find(azure, of["name"], name)
    found = _version(document, version)
    if not found["attributes"]["enabled"]:
        raise Forbidden("Operation get is not allowed on a disabled secret.", code="Forbidden")
    return describe(azure, of["name"], document, found)


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


@router.patch(SECRET + "/{version}")
@router.patch(SECRET)
@router.patch(SECRET + "/")
async def update_secret(azure: Azure, of: Vault, name: str, body: dict[str, Any], version: str = "") -> Document:
    """Change what is said about a version; never its value."""
    with azure.store.transaction():
        document = find(azure, of["name"], name)
        found = _version(document, version)
        attributes = {key: each for key, each in (body.get("attributes") or {}).items() if each is not None}
        changed = {**found, "attributes": {**found["attributes"], **attributes, "updated": int(time.time())}}
        for field in ("tags", "contentType"):
            if body.get(field) is not None:
                changed[field] = body[field]
        versions = [changed if each["version"] == found["version"] else each for each in document["versions"]]
        azure.store.put("vaults", of["name"], "secrets", name, body={**document, "versions": versions})
    return describe(azure, of["name"], document, changed, value=False)


@router.get("/keyvault/{vault}/secrets")
async def list_secrets(azure: Azure, of: Vault) -> Document:
    vault = of["name"]
    listed = []
    for document in azure.store.children("vaults", vault, "secrets"):
        described = describe(azure, vault, document, document["versions"][-1], value=False)
        listed.append({**described, "id": id_of(azure, vault, document["name"])})
    return {"value": listed, "nextLink": None}


async def list_versions(azure: Emulator, of: Document, name: str) -> Document:
    document = find(azure, of["name"], name)
    listed = [describe(azure, of["name"], document, each, value=False) for each in document["versions"]]
    return {"value": listed, "nextLink": None}
