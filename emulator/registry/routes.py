"""A registry's assets over its own front end: the same kinds as in a workspace, written by long-running operations."""

from typing import Any

from fastapi import APIRouter, Request, Response

from emulator import arm
from emulator.assets.kinds import Kind, put_version, sent_properties
from emulator.assets.routes import container_properties, listed
from emulator.assets.versions import Shelf, check_identity, describe, describe_container
from emulator.errors import BadRequest, Conflict
from emulator.identity import Caller
from emulator.operation_api import accepted_by_asset_store
from emulator.registry import registries, storage
from emulator.registry.registries import Registry
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()


def router_of(kind: Kind) -> APIRouter:
    """Containers and versions of one kind."""
    router = APIRouter()
    containers = f"{arm.REGISTRY}/{kind.plural}"
    one = f"{containers}/{{name}}/versions/{{version}}"

    @router.get(containers)
    async def list_containers(azure: Azure, registry: Registry, request: Request) -> Document:
        shelf = Shelf(azure, "registries", registry, kind.plural)
        documents = azure.store.children(*shelf.path)
        return listed(azure.base_url, request, documents, lambda each: describe_container(shelf, each))

    @router.get(containers + "/{name}")
    async def get_container(azure: Azure, registry: Registry, name: str) -> Document:
        shelf = Shelf(azure, "registries", registry, kind.plural)
        return describe_container(shelf, shelf.require_container(name))

    @router.put(containers + "/{name}")
    async def put_container(
        azure: Azure, caller: Caller, registry: Registry, name: str, body: dict[str, Any]
    ) -> Response:
        arm.check_name(name, what="asset")
        shelf = Shelf(azure, "registries", registry, kind.plural)
        operation = azure.operations.begin(
            "registry_container",
            resource=shelf.asset_id(name),
            registry=registry["name"],
            plural=kind.plural,
            name=name,
            properties=container_properties(body),
            by=caller.name,
        )
        return accepted_by_asset_store(azure, operation)

    @router.get(containers + "/{name}/versions")
    async def list_versions(azure: Azure, registry: Registry, name: str, request: Request) -> Document:
        shelf = Shelf(azure, "registries", registry, kind.plural)
        container = shelf.container(name)
        archived = bool(container and container["properties"].get("isArchived"))
        return listed(
            azure.base_url, request, shelf.versions(name), lambda each: describe(shelf, each), archived=archived
        )

    @router.get(one)
    async def get_version(azure: Azure, registry: Registry, name: str, version: str) -> Document:
        shelf = Shelf(azure, "registries", registry, kind.plural)
        return describe(shelf, shelf.require_version(name, version))

    @router.put(one)
    async def put(
        azure: Azure, caller: Caller, registry: Registry, name: str, version: str, body: dict[str, Any]
    ) -> Response:
        check_identity(name, version)
        shelf = Shelf(azure, "registries", registry, kind.plural)
        operation = azure.operations.begin(
            "registry_asset",
            resource=shelf.asset_id(name, version),
            registry=registry["name"],
            plural=kind.plural,
            name=name,
            version=version,
            properties=sent_properties(body),
            by=caller.name,
        )
        return accepted_by_asset_store(azure, operation)

    return router


@router.put(arm.REGISTRY + "/tempdatarefs/{name}/versions/{version}")
async def temporary_data_reference(
    azure: Azure, registry: Registry, name: str, version: str, body: dict[str, Any]
) -> Document:
    """Where to upload the content of an asset version that is about to be created."""
    check_identity(name, version)
    asset_id = str(body.get("assetId") or "")
    kind = _kind_in(asset_id)
    if Shelf(azure, "registries", registry, kind).version(name, version) is not None:
        raise Conflict(f"Asset {asset_id} already exists.", code="UserError")
    container, _ = storage.open_container(azure, registry, asset_id)
    return {
        "blobReferenceForConsumption": storage.reference(azure, registry, container, permissions="rcwl"),
        "imageReferenceForConsumption": None,
        "temporaryDataReferenceId": container.rpartition("-")[2],
        "temporaryDataReferenceType": None,
    }


@router.post(arm.REGISTRY + "/datarefs/{name}/versions/{version}")
async def data_reference(azure: Azure, registry: Registry, name: str, version: str, body: dict[str, Any]) -> Document:
    """How to read the content of an asset version."""
    asset_id = str(body.get("assetId") or "")
    Shelf(azure, "registries", registry, _kind_in(asset_id)).require_version(name, version)
    container = storage.container_of(registry, asset_id)
    uri = body.get("blobUri")
    return {
        "blobReferenceForConsumption": storage.reference(azure, registry, container, permissions="rl", blob_uri=uri)
    }


def _kind_in(asset_id: str) -> str:
    segments = asset_id.removeprefix("azureml://registries/").split("/")
    if len(segments) < 2 or segments[1] not in Kind.ALL:
        raise BadRequest(f"'{asset_id}' is not the id of an asset in a registry.", code="ValidationError")
    return segments[1]


def register(azure: Emulator) -> None:
    """Tell what the operations of this module do."""

    async def write_version(
        registry: str, plural: str, name: str, version: str, properties: Document, by: str
    ) -> Document:
        shelf = Shelf(azure, "registries", registries.find(azure, registry), plural)
        await put_version(Kind.ALL[plural], shelf, name, version, properties, by=by)
        return {"assetId": shelf.asset_id(name, version)}

    async def write_container(registry: str, plural: str, name: str, properties: Document, by: str) -> Document:
        shelf = Shelf(azure, "registries", registries.find(azure, registry), plural)
        before = shelf.container(name)
        kept = before["properties"] if before else {}
        shelf.write_container(name, properties={**kept, **properties}, by=by)
        return {"assetId": shelf.asset_id(name)}

    azure.operations.register("registry_asset", write_version, delay="registry_asset")
    azure.operations.register("registry_container", write_container, delay="registry_asset")
