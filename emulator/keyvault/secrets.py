"""Secrets and their versions."""

import re
import time
import uuid
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter

from emulator import arm
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
    sent = _said_of(body)
    vault = of["name"]
    with azure.store.transaction():
        if azure.store.get("vaults", vault, "deleted", name):
            raise Conflict(
                f"Secret {name} is currently in a deleted but recoverable state, and its name cannot be reused; in this "
                "state, the secret can only be recovered or purged.",
                code="Conflict",
            )
        now = int(time.time())
        version = {
            "version": uuid.uuid4().hex,
            "value": value,
            "contentType": sent.get("contentType"),
            "tags": sent.get("tags", {}),
            "attributes": {"enabled": True, **sent.get("attributes", {}), "created": now, "updated": now},
        }
        before = azure.store.get("vaults", vault, "secrets", name) or {"name": name, "versions": []}
        document = {**before, "versions": [*before["versions"], version]}
        azure.store.put("vaults", vault, "secrets", name, body=document)
    return describe(azure, vault, document, version)


def _said_of(body: Document) -> Document:
    """What is said about a version, where it is said: attributes, tags, content type. Raises BadRequest for other shapes."""
    said: Document = {}
    for field in ("attributes", "tags"):
        if body.get(field) is not None:
            said[field] = {name: each for name, each in arm.object_of(body, field).items() if each is not None}
    attributes = said.get("attributes", {})
    if not isinstance(attributes.get("enabled", True), bool):
        raise BadRequest("Property attributes.enabled must be a boolean.", code="BadParameter")
    for moment in ("nbf", "exp"):
        if not isinstance(attributes.get(moment, 0), int) or isinstance(attributes.get(moment), bool):
            raise BadRequest(f"Property attributes.{moment} must be seconds since 1970.", code="BadParameter")
    if any(not isinstance(value, str) for value in said.get("tags", {}).values()):
        raise BadRequest("The values of tags must be strings.", code="BadParameter")
    kind = body.get("contentType")
    if kind is not None and not isinstance(kind, str):
        raise BadRequest("Property contentType must be a string.", code="BadParameter")
    return said if kind is None else {**said, "contentType": kind}


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
    sent = _said_of(body)
    with azure.store.transaction():
        document = find(azure, of["name"], name)
        found = _version(document, version)
        attributes = {**found["attributes"], **sent.pop("attributes", {}), "updated": int(time.time())}
        changed = {**found, **sent, "attributes": attributes}
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
