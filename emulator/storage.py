"""The storage account behind a workspace or a registry, and the datastores that a workspace is born with."""

import base64
import hashlib
import secrets

from emulator import arm
from emulator.state import Emulator
from emulator.store import Document

BLOB_STORE = "workspaceblobstore"
ARTIFACT_STORE = "workspaceartifactstore"
# The SDK makes storage addresses as https://{accountName}.blob.{suffix}, and reads some back with Azure's own suffix in a
# regular expression. An accountName that begins with our address keeps everything here; see ``account_url``.
STORAGE_SUFFIX = "core.windows.net"


def account_name(*of: str) -> str:
    """The storage account's name of a workspace or registry: the same whenever it is asked."""
    return f"st{hashlib.sha256('/'.join(of).lower().encode()).hexdigest()[:16]}"


def create_account(azure: Emulator, name: str, *, subscription: str, group: str) -> None:
    """Make a storage account with a key; one that is there keeps its key."""
    scope = f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Storage/storageAccounts/{name}"
    with azure.store.transaction():
        if azure.store.get("accounts", name) is None:
            key = base64.b64encode(secrets.token_bytes(64)).decode()
            azure.store.put("accounts", name, body={"name": name, "key": key, "scope": scope})


def account_url(azure: Emulator, account: str) -> str:
    """The address of a storage account's blobs."""
    return f"{azure.base_url}/{account}.blob.{STORAGE_SUFFIX}"


def create_default_datastores(azure: Emulator, workspace: Document, *, by: str) -> None:
    """The datastores that every workspace is born with."""
    for name, container in workspace["containers"].items():
        create_container(azure, workspace["account"], container)
        body = {
            "name": name,
            "isDefault": name == BLOB_STORE,
            "properties": {
                "datastoreType": "AzureBlob",
                "accountName": workspace["account"],
                "containerName": container,
                "credentials": {"credentialsType": "AccountKey"},
                "description": None,
                "properties": {},
                "tags": {},
            },
            "systemData": arm.created(by),
        }
        azure.store.put("workspaces", workspace["name"], "datastores", name, body=body)


def create_container(azure: Emulator, account: str, container: str) -> None:
    """A container is a folder; see ``blob``."""
    (azure.data / "blobs" / account / container).mkdir(parents=True, exist_ok=True)
