"""Soft delete: a deleted secret keeps its name until it is recovered or purged."""

import time

from fastapi import APIRouter, Response

from emulator.errors import NotFound
from emulator.keyvault import secrets
from emulator.keyvault.access import Vault
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

_DELETED = "/keyvault/{vault}/deletedsecrets"


@router.delete(secrets.SECRET)
async def delete_secret(azure: Azure, of: Vault, name: str) -> Document:
    """Delete softly: the secret can be recovered until it is purged."""
    vault = of["name"]
    with azure.store.transaction():
        document = {**secrets.find(azure, vault, name), "deleted": int(time.time())}
        azure.store.delete("vaults", vault, "secrets", name)
        azure.store.put("vaults", vault, "deleted", name, body=document)
    return _describe_deleted(azure, vault, document)


def _describe_deleted(azure: Emulator, vault: str, document: Document) -> Document:
    return {
        **secrets.describe(azure, vault, document, document["versions"][-1], value=False),
        "recoveryId": secrets.id_of(azure, vault, document["name"], collection="deletedsecrets"),
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
    return secrets.describe(azure, vault, restored, restored["versions"][-1], value=False)


@router.delete(_DELETED + "/{name}")
async def purge_secret(azure: Azure, of: Vault, name: str) -> Response:
    _find_deleted(azure, of["name"], name)
    azure.store.delete("vaults", of["name"], "deleted", name)
    return Response(status_code=204)
