"""Code: a folder that the SDK uploads once per content, found again by its hash."""

import asyncio
import uuid
from pathlib import Path

from emulator.assets import content as contents
from emulator.assets import find
from emulator.assets.kinds import Draft, Kind, common, paths_are_fixed
from emulator.assets.versions import Shelf
from emulator.blob import files
from emulator.blob.authorization import container_sas
from emulator.errors import BadRequest
from emulator.state import Emulator
from emulator.storage import account_url, create_container
from emulator.store import Document


def content(azure: Emulator, asset: str, *, workspace: str | None = None) -> Path:
    """Where the files of a code version lie."""
    return contents.kept(azure, find.version(azure, asset, kind="codes", workspace=workspace))


async def _accept(shelf: Shelf, draft: Draft) -> tuple[Document, Document]:
    sent = draft.sent
    uri = sent.get("codeUri")
    if not uri:
        raise BadRequest("The codeUri is required.", code="ValidationError")
    source = files.resolve(shelf.azure, workspace=shelf.owner["name"], uri=uri)
    if not any(files.walk(source)):
        raise BadRequest(f"There are no files at {uri}.", code="UserError")
    facts = {
        "path": source.relative_to(shelf.azure.data).as_posix(),
        "digest": await asyncio.to_thread(contents.digest, source),
        "sent:codeUri": uri,
    }
    return {**common(sent), "codeUri": uri}, facts


def with_hash(azure: Emulator, workspace: str, *, wanted: str) -> list[Document]:
    """The code versions whose content the SDK gave this hash, whatever their names."""
    return [
        document
        for document in azure.store.below("workspaces", workspace, "codes", levels=3)
        if (document["properties"].get("properties") or {}).get("hash_sha256") == wanted
    ]


def pending_upload(azure: Emulator, *, workspace: Document, name: str, version: str) -> Document:
    """A container of its own for an upload that is about to come, and a SAS to write to it."""
    named = uuid.uuid5(uuid.UUID(workspace["workspaceId"]), f"{name}/{version}".lower())
    container = f"{workspace['workspaceId'][:8]}-{named}"
    account = workspace["account"]
    create_container(azure, account, container)
    document = azure.store.get("accounts", account) or {}
    sas = container_sas(document["key"], account=account, container=container, permissions="rcwl")
    uri = f"{account_url(azure, account)}/{container}"
    return {
        "pendingUploadId": str(named),
        "pendingUploadType": "TemporaryBlobReference",
        "blobReferenceForConsumption": {
            "blobUri": uri,
            "storageAccountArmId": (
                f"/subscriptions/{workspace['subscription']}/resourceGroups/{workspace['group']}"
                f"/providers/Microsoft.Storage/storageAccounts/{account}"
            ),
            "credential": {"credentialType": "SAS", "sasUri": f"{uri}?{sas}"},
        },
    }


CODES = Kind(plural="codes", identity=("codeUri",), accept=_accept, refuse_change=paths_are_fixed)
