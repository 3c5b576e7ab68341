"""Where a registry's content lies: a container for each asset version, addressed without its account.

``https://127.0.0.1:PORT/registry-<registry>-<uuid>/<path>``: the SDK takes such an address apart by a regular expression that
wants the container in the first path segment.
"""

import uuid
from pathlib import Path

from emulator.blob import files
from emulator.blob.authorization import container_sas
from emulator.state import Emulator
from emulator.storage import create_container
from emulator.store import Document


def container_of(registry: Document, asset_id: str) -> str:
    """The container of an asset version: the same whenever it is asked, so that an upload can go on after an interruption."""
    named = uuid.uuid5(uuid.UUID(registry["registryId"]), asset_id.lower())
    return f"registry-{registry['name'].lower()}-{named}"


def open_container(azure: Emulator, registry: Document, asset_id: str) -> tuple[str, Path]:
    """Make sure that an asset version has its container; its name and folder."""
    container = container_of(registry, asset_id)
    azure.store.put("registry_containers", container, body={"name": container, "account": registry["account"]})
    create_container(azure, registry["account"], container)
    return container, files.folder(azure, registry["account"], container)


def reference(
    azure: Emulator, registry: Document, container: str, *, permissions: str, blob_uri: str | None = None
) -> Document:
    """The "blobReferenceForConsumption" with a SAS for a container."""
    key = (azure.store.get("accounts", registry["account"]) or {})["key"]
    uri = f"{azure.base_url}/{container}"
    sas = container_sas(key, account=registry["account"], container=container, permissions=permissions)
    return {
        "blobUri": blob_uri or uri,
        "storageAccountArmId": (
            f"/subscriptions/{registry['subscription']}/resourceGroups/{registry['group']}"
            f"/providers/Microsoft.Storage/storageAccounts/{registry['account']}"
        ),
        "credential": {"credentialType": "SAS", "sasUri": f"{uri}?{sas}"},
    }
