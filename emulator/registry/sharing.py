"""Import: a workspace's asset copied into a registry, content and all. The SDK calls it "share"."""

from typing import Any

from fastapi import APIRouter, Response

from emulator import arm, identity
from emulator.assets import content, find
from emulator.assets.kinds import common, sent_properties
from emulator.assets.versions import Shelf, check_identity
from emulator.errors import BadRequest, Conflict, OperationFailed
from emulator.identity import Caller
from emulator.operation_api import accepted_by_asset_store
from emulator.registry import registries, storage
from emulator.registry.registries import Registry
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

_URI = {"models": "modelUri", "data": "dataUri"}
_SHARED = ("models", "environments", "data")


@router.post(arm.REGISTRY + "/import")
async def import_asset(azure: Azure, caller: Caller, registry: Registry, body: dict[str, Any]) -> Response:
    """Begin to copy an asset version of a workspace."""
    properties = sent_properties(body)
    source_id = str(properties.get("sourceAssetId") or "")
    kind = _kind_of(source_id)
    source = find.parse(azure, source_id, kind=kind)
    version = find.version(azure, source_id, kind=kind)
    name = str(properties.get("destinationName") or version["name"])
    number = str(properties.get("destinationVersion") or version["version"])
    check_identity(name, number)
    workspace = azure.store.get(source.owner_kind, source.owner) or {}
    identity.authorize(
        caller,
        f"Microsoft.MachineLearningServices/workspaces/{kind}/versions/read",
        scope=arm.resource_id(workspace, kind, version["name"], "versions", version["version"]),
    )
    if workspace["location"] not in registry["regions"]:
        raise BadRequest(
            f"The workspace {workspace['name']} is in {workspace['location']}, which is not one of the regions of registry "
            f"{registry['name']}: {', '.join(registry['regions'])}.",
            code="UserError",
        )
    shelf = Shelf(azure, "registries", registry, kind)
    if shelf.version(name, number) is not None:
        raise Conflict(f"Asset {shelf.asset_id(name, number)} already exists.", code="UserError")
    operation = azure.operations.begin(
        "share",
        resource=shelf.asset_id(name, number),
        registry=registry["name"],
        plural=kind,
        source=source_id,
        name=name,
        version=number,
        by=caller.name,
    )
    return accepted_by_asset_store(azure, operation)


def _kind_of(asset_id: str) -> str:
    for kind in _SHARED:
        if f"/{kind}/" in asset_id:
            return kind
    raise BadRequest(f"'{asset_id}' cannot be imported: only {', '.join(_SHARED)} can.", code="ValidationError")


async def share(azure: Emulator, *, registry: str, plural: str, source: str, name: str, version: str, by: str) -> None:
    """Copy an asset version with its content; the same again is no change."""
    owner = registries.find(azure, registry)
    shelf = Shelf(azure, "registries", owner, plural)
    original = find.version(azure, source, kind=plural)
    there = shelf.version(name, version)
    if there is not None:
        if there["_"].get("source") == source:
            return
        raise OperationFailed("UserError", f"Asset {shelf.asset_id(name, version)} already exists.")
    sent = original["properties"]
    properties = {**sent, **common(sent), "isArchived": False, "originAssetId": source}
    facts: Document = {"source": source}
    if plural in _URI:
        facts |= await _copy(azure, owner, shelf, original, source=source, name=name, version=version)
        properties[_URI[plural]] = facts.pop("uri")
    properties.pop("provisioningState", None)
    shelf.write(name, version, properties=properties, by=by, facts=facts)


async def _copy(
    azure: Emulator, owner: Document, shelf: Shelf, original: Document, *, source: str, name: str, version: str
) -> Document:
    from emulator.assets import data

    if shelf.kind == "data":
        of = find.parse(azure, source, kind="data").owner
        path = data.content(azure, source, workspace=of)
    else:
        path = content.kept(azure, original)
    container, folder = storage.open_container(azure, owner, shelf.asset_id(name, version))
    facts = await content.keep(azure, path, to=folder / path.name)
    expected = original["_"].get("digest")
    if expected and facts["digest"] != expected:
        raise OperationFailed("InternalServerError", f"The copy of {source} is not what was registered.")
    return {**facts, "uri": f"{azure.base_url}/{container}/{path.name}"}
