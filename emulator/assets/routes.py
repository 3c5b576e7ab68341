"""The ARM routes of a workspace's assets, the same for every kind."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from emulator import arm
from emulator.assets import codes, versions
from emulator.assets.kinds import Kind, put_version, sent_properties
from emulator.assets.versions import Shelf, check_identity, describe, describe_container
from emulator.identity import Caller
from emulator.state import Azure
from emulator.store import Document
from emulator.workspaces import Workspace


def router_of(kind: Kind) -> APIRouter:
    """Containers and versions of one kind."""
    router = APIRouter()
    containers = f"{arm.WORKSPACE}/{kind.plural}"
    one = f"{containers}/{{name}}/versions/{{version}}"

    def shelf_of(azure: Azure, workspace: Document) -> Shelf:
        return Shelf(azure, "workspaces", workspace, kind.plural)

    @router.get(containers)
    async def list_containers(azure: Azure, workspace: Workspace, request: Request) -> Document:
        shelf = shelf_of(azure, workspace)
        documents = [
            each
            for each in azure.store.children(*shelf.path)
            # What has anonymous versions only was never named by anybody.
            if any(not version["properties"].get("isAnonymous") for version in shelf.versions(each["name"]))
        ]
        return listed(azure.base_url, request, documents, lambda each: describe_container(shelf, each))

    @router.get(containers + "/{name}")
    async def get_container(azure: Azure, workspace: Workspace, name: str) -> Document:
        shelf = shelf_of(azure, workspace)
        return describe_container(shelf, shelf.require_container(name))

    @router.put(containers + "/{name}")
    async def put_container(
        azure: Azure, caller: Caller, workspace: Workspace, name: str, body: dict[str, Any]
    ) -> Response:
        arm.check_name(name, what="asset")
        shelf = shelf_of(azure, workspace)
        there = shelf.container(name) is not None
        document = shelf.write_container(name, properties=container_properties(body), by=caller.name)
        return JSONResponse(describe_container(shelf, document), status_code=200 if there else 201)

    @router.delete(containers + "/{name}")
    async def delete_container(azure: Azure, workspace: Workspace, name: str) -> Response:
        return Response(status_code=200 if azure.store.delete(*shelf_of(azure, workspace).path, name) else 204)

    @router.get(containers + "/{name}/versions")
    async def list_versions(azure: Azure, workspace: Workspace, name: str, request: Request) -> Document:
        shelf = shelf_of(azure, workspace)
        if kind.plural == "codes" and request.query_params.get("hash"):
            found = codes.with_hash(azure, workspace["name"], wanted=request.query_params["hash"])
            return {"value": [describe(shelf, each) for each in found]}
        container = shelf.container(name) if kind.plural == "codes" else shelf.require_container(name)
        archived = bool(container and container["properties"].get("isArchived"))
        return listed(
            azure.base_url, request, shelf.versions(name), lambda each: describe(shelf, each), archived=archived
        )

    @router.get(one)
    async def get_version(azure: Azure, workspace: Workspace, name: str, version: str) -> Document:
        shelf = shelf_of(azure, workspace)
        return describe(shelf, shelf.require_version(name, version))

    @router.put(one)
    async def put(
        azure: Azure, caller: Caller, workspace: Workspace, name: str, version: str, body: dict[str, Any]
    ) -> Response:
        check_identity(name, version)
        shelf = shelf_of(azure, workspace)
        document, new = await put_version(kind, shelf, name, version, sent_properties(body), by=caller.name)
        return JSONResponse(describe(shelf, document), status_code=201 if new else 200)

    @router.delete(one)
    async def delete_version(azure: Azure, workspace: Workspace, name: str, version: str) -> Response:
        gone = azure.store.delete(*shelf_of(azure, workspace).path, name, "versions", version)
        return Response(status_code=200 if gone else 204)

    if kind.plural in ("codes", "models", "data"):

        @router.post(one + "/startPendingUpload")
        async def start_pending_upload(azure: Azure, workspace: Workspace, name: str, version: str) -> Document:
            check_identity(name, version)
            return codes.pending_upload(azure, workspace=workspace, name=f"{kind.plural}/{name}", version=version)

    return router


def container_properties(body: dict[str, Any]) -> Document:
    sent = sent_properties(body)
    return {
        field: sent[field] for field in ("description", "tags", "properties", "isArchived", "dataType") if field in sent
    }


def listed(
    base_url: str, request: Request, documents: list[Document], describe_one: Any, *, archived: bool = False
) -> Document:
    """A page of a list as Azure answers it."""
    chosen, more = versions.page(
        documents, dict(request.query_params), url=f"{base_url}{request.url.path}", archived=archived
    )
    answer: Document = {"value": [describe_one(each) for each in chosen]}
    return {**answer, "nextLink": more} if more else answer
