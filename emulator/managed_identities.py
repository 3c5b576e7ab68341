"""User-assigned managed identities as ARM resources: principals without a secret, which endpoints and clusters run as."""

import uuid
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from emulator import arm, identity
from emulator.errors import BadRequest, Forbidden, NotFound
from emulator.groups import require_group
from emulator.identity import Principal
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

ASSIGN = "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action"
_IDENTITIES = "identities"
_ONE = arm.PROVIDERS + "/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
_NAME = r"[a-zA-Z0-9][a-zA-Z0-9_-]{2,127}"


def assigned(azure: Emulator, resource: str, *, caller: Principal, to: str) -> Document:
    """The identity with this id, which the caller gives to the resource ``to``: its principalId and clientId."""
    if not any(each.allows(ASSIGN, scope=resource) for each in caller.assignments):
        raise Forbidden(
            f"The client with object id '{caller.object_id}' has permission to perform action on scope '{to}'; however, it does not have "
            f"permission to perform action(s) '{ASSIGN}' on the linked scope(s) '{resource}' (respectively) or the linked scope(s) are invalid.",
            code="LinkedAuthorizationFailed",
        )
    found = azure.store.get(_IDENTITIES, resource)
    if found is None:
        raise BadRequest(
            f"Identity operation for resource '{to}' failed with error 'Failed to perform resource identity operation. Status: 'BadRequest'. "
            f'Response: \'{{"error":{{"code":"BadRequest","message":"Resource \'{resource}\' was not found."}}}}\'.\'',
            code="FailedIdentityOperation",
        )
    return {"principalId": found["principalId"], "clientId": found["clientId"]}


@router.put(_ONE)
async def put_identity(azure: Azure, subscription: str, group: str, name: str, body: dict[str, Any]) -> Response:
    found = require_group(azure, subscription=subscription, group=group)
    arm.check_name(name, what="identity", pattern=_NAME)
    resource = _id(subscription, found["name"], name)
    before = azure.store.get(_IDENTITIES, resource)
    document = {
        "id": resource,
        "principalId": str(uuid.uuid4()),
        "clientId": str(uuid.uuid4()),
        **(before or {}),
        "location": arm.location_of(body),
        "tags": arm.tags_of(body),
    }
    azure.store.put(_IDENTITIES, resource, body=document)
    return JSONResponse(_describe(document), status_code=201 if before is None else 200)


@router.get(_ONE)
async def get_identity(azure: Azure, subscription: str, group: str, name: str) -> Document:
    require_group(azure, subscription=subscription, group=group)
    found = azure.store.get(_IDENTITIES, _id(subscription, group, name))
    if found is None:
        raise NotFound(
            f"The Resource 'Microsoft.ManagedIdentity/userAssignedIdentities/{name}' under resource group '{group}' was not found."
        )
    return _describe(found)


@router.delete(_ONE)
async def delete_identity(azure: Azure, subscription: str, group: str, name: str) -> Response:
    """Its role assignments stay behind, as in Azure, and give nobody anything."""
    return Response(status_code=200 if azure.store.delete(_IDENTITIES, _id(subscription, group, name)) else 204)


def _id(subscription: str, group: str, name: str) -> str:
    provider = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    return f"/subscriptions/{subscription}/resourceGroups/{group}/{provider}/{name}"


def _describe(document: Document) -> Document:
    properties = {key: document[key] for key in ("principalId", "clientId")} | {"tenantId": identity.TENANT}
    return arm.envelope(document["id"], properties=properties, location=document["location"], tags=document["tags"])
