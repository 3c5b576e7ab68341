"""Online endpoints as ARM resources."""

import secrets
import uuid
from typing import Any

from fastapi import APIRouter, Request, Response

from emulator import arm, managed_identities
from emulator.identity import Caller, Principal
from emulator.online import admission, limits, records, rules
from emulator.operation_api import accepted, status_url
from emulator.state import Azure, Emulator
from emulator.store import Document
from emulator.workspaces import Workspace

router = APIRouter()

ENDPOINTS = arm.WORKSPACE + "/onlineEndpoints"
ENDPOINT = ENDPOINTS + "/{endpoint}"


def address(azure: Emulator, *, location: str, endpoint: str) -> str:
    """What stands for ``https://<endpoint>.<location>.inference.ml.azure.com``."""
    return f"{azure.base_url}/inference/{location}/{endpoint}"


def describe(azure: Emulator, workspace: Document, endpoint: Document) -> Document:
    """The endpoint as ARM answers it."""
    resource = records.endpoint_id(workspace, endpoint["name"])
    facts, sent = endpoint["_"], endpoint["properties"]
    base = address(azure, location=endpoint["location"], endpoint=endpoint["name"])
    state = records.state(azure, endpoint)
    # After a failed update the rules that were asked for are not in force: showing them would be a lie.
    in_force = facts["routing"] if state == records.FAILED else sent
    return arm.envelope(
        resource,
        properties={
            "description": sent["description"],
            "properties": {
                **sent["properties"],
                "azureml.onlineendpointid": resource.lower(),
                "AzureAsyncOperationUri": status_url(
                    azure,
                    facts["operation"],
                    subscription=workspace["subscription"],
                    location=workspace["location"],
                    api_version=facts["api_version"],
                ),
            },
            "scoringUri": f"{base}/score" if facts["provisioned"] else None,
            "swaggerUri": f"{base}/swagger.json" if facts["provisioned"] else None,
            "authMode": sent["authMode"],
            "provisioningState": state,
            "compute": None,
            "publicNetworkAccess": sent["publicNetworkAccess"],
            "traffic": in_force["traffic"],
            "mirrorTraffic": in_force["mirrorTraffic"],
        },
        system_data=endpoint["systemData"],
        tags=endpoint["tags"],
        location=endpoint["location"],
        kind="Managed",
        identity=endpoint["identity"],
    )


@router.get(ENDPOINTS)
async def list_endpoints(azure: Azure, workspace: Workspace) -> Document:
    found = records.endpoints(azure, workspace["name"])
    return {"value": [describe(azure, workspace, each) for each in found], "nextLink": None}


@router.get(ENDPOINT)
async def get_endpoint(azure: Azure, workspace: Workspace, endpoint: str) -> Document:
    return describe(azure, workspace, records.require_endpoint(azure, workspace["name"], endpoint))


@router.put(ENDPOINT)
async def put_endpoint(
    azure: Azure, caller: Caller, workspace: Workspace, endpoint: str, body: dict[str, Any], request: Request
) -> Response:
    """Create an endpoint, or replace all that was said about it: what is left out falls back to its default."""
    wanted = _wanted(body)
    with azure.store.transaction():
        before = records.endpoint(azure, workspace["name"], endpoint)
        if before is None:
            admission.check_creation(azure, workspace, endpoint, wanted)
        else:
            admission.check_update(azure, before, wanted)
        kind = "oeidp" if before is None or not before["_"]["provisioned"] else "oeidp-update"
        revision = records.new_revision()
        operation = azure.operations.begin(
            kind,
            resource=records.endpoint_id(workspace, endpoint),
            workspace=workspace["name"],
            endpoint=endpoint,
            revision=revision,
        )
        document = {
            "name": before["name"] if before else endpoint,
            "workspace": workspace["name"],
            "location": workspace["location"],
            "tags": arm.tags_of(body),
            "identity": _identity(azure, workspace, endpoint, body.get("identity"), caller=caller, before=before),
            "properties": wanted,
            "systemData": arm.created(caller.name, before=before["systemData"] if before else None),
            "_": {
                "provisioned": False,
                "routing": {"traffic": {}, "mirrorTraffic": {}},
                "keys": {"primary": new_key(), "secondary": new_key()},
                **(before["_"] if before else {}),
                "operation": operation,
                "verb": records.CREATING if kind == "oeidp" else records.UPDATING,
                "revision": revision,
                "api_version": request.query_params.get("api-version", "2023-04-01-preview"),
            },
        }
        records.save_endpoint(azure, document)
        _reserve(azure, workspace, endpoint)
    status = 201 if before is None else 200
    return accepted(
        azure, operation, request=request, workspace=workspace, status=status, body=describe(azure, workspace, document)
    )


@router.patch(ENDPOINT)
async def patch_endpoint(
    azure: Azure, caller: Caller, workspace: Workspace, endpoint: str, body: dict[str, Any]
) -> Document:
    """Tags and identity only, at once."""
    with azure.store.transaction():
        before = records.require_endpoint(azure, workspace["name"], endpoint)
        admission.check_endpoint_idle(azure, before)
        document = {
            **before,
            "tags": arm.tags_of(body) if body.get("tags") is not None else before["tags"],
            "identity": _identity(azure, workspace, endpoint, body.get("identity"), caller=caller, before=before)
            if body.get("identity")
            else before["identity"],
            "systemData": arm.created(caller.name, before=before["systemData"]),
        }
        records.save_endpoint(azure, document)
    return describe(azure, workspace, document)


@router.delete(ENDPOINT)
async def delete_endpoint(azure: Azure, workspace: Workspace, endpoint: str, request: Request) -> Response:
    """Delete an endpoint with all its deployments."""
    with azure.store.transaction():
        document = records.endpoint(azure, workspace["name"], endpoint)
        if document is None:
            return Response(status_code=204)
        operation = document["_"]["operation"]
        if records.state(azure, document) != records.DELETING:
            operation = azure.operations.begin(
                "oeidp-delete",
                resource=records.endpoint_id(workspace, endpoint),
                workspace=workspace["name"],
                endpoint=document["name"],
            )
            document["_"] |= {
                "operation": operation,
                "verb": records.DELETING,
                "revision": records.new_revision(),  # an update that is under way is canceled by this
            }
            records.save_endpoint(azure, document)
    return accepted(azure, operation, request=request, workspace=workspace, status=202)


def new_key() -> str:
    return secrets.token_urlsafe(24)


def _wanted(body: Document) -> Document:
    """The properties that a PUT asks for, checked as far as they can be without looking at what is there."""
    sent = arm.properties_of(body, required=False)
    limits.check_endpoint(sent)
    return {
        "description": sent.get("description"),
        "properties": records.text_map(sent.get("properties")),
        "authMode": rules.auth_mode(sent.get("authMode")),
        "traffic": rules.weights(sent.get("traffic"), field="traffic"),
        "mirrorTraffic": rules.weights(sent.get("mirrorTraffic"), field="mirrorTraffic"),
        "publicNetworkAccess": limits.choice(
            sent.get("publicNetworkAccess"), ("Enabled", "Disabled"), field="publicNetworkAccess"
        ),
    }


def _reserve(azure: Emulator, workspace: Document, name: str) -> None:
    """Take the name in the region: scoring finds the endpoint by it."""
    owner = {key: workspace[key] for key in ("subscription", "group", "location")}
    azure.store.put(
        "regions",
        workspace["location"],
        "endpoints",
        name,
        body={**owner, "workspace": workspace["name"], "name": name},
    )


def _identity(
    azure: Emulator,
    workspace: Document,
    endpoint: str,
    sent: Document | None,
    *,
    caller: Principal,
    before: Document | None,
) -> Document:
    """The managed identity; ids are given once and stay as long as the identity does."""
    kinds = ("SystemAssigned", "UserAssigned", "SystemAssigned,UserAssigned", "None")
    given = str((sent or {}).get("type") or "").replace("_", "").replace(" ", "")
    kind = limits.choice(given, kinds, field="identity.type")
    had = (before or {}).get("identity") or {}
    described: Document = {"type": kind}
    if "systemassigned" in kind.lower():
        described["principalId"] = had.get("principalId") or str(uuid.uuid4())
        described["tenantId"] = had.get("tenantId") or workspace["identity"].get("tenantId") or str(uuid.UUID(int=10))
    assigned = (sent or {}).get("userAssignedIdentities") or {}
    if assigned:
        known = had.get("userAssignedIdentities") or {}
        described["userAssignedIdentities"] = {
            name: known.get(name)
            or managed_identities.assigned(azure, name, caller=caller, to=records.endpoint_id(workspace, endpoint))
            for name in assigned
        }
    return described
