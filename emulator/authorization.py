"""Role definitions and assignments as ARM resources.

Sources: Microsoft's "Assign Azure roles using the REST API", "List Azure role assignments using the REST API", "Troubleshoot Azure RBAC".
"""

import re
import uuid
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from emulator import arm
from emulator.errors import BadRequest, Conflict, NotFound
from emulator.grants import ASSIGNMENTS, DEFINITIONS, actions_of, role_of
from emulator.identity import Caller
from emulator.rights import ROLE_IDS, ROLES, Assignment
from emulator.state import Azure, Emulator
from emulator.store import Document

router = APIRouter()

_PROVIDER = "/subscriptions/{scope:path}/providers/Microsoft.Authorization"
_WHOSE = re.compile(r"(?:principalId eq|assignedTo\()\s*'([0-9a-fA-F-]{36})'\s*\)?", re.I)


@router.put(_PROVIDER + "/roleDefinitions/{name}")
async def put_definition(azure: Azure, scope: str, name: str, body: dict[str, Any]) -> Response:
    """A custom role; its name is unique in the tenant."""
    _require_guid(name, code="InvalidRoleDefinitionId", what="role definition")
    sent = arm.properties_of(body)
    if name.lower() in ROLE_IDS or str(sent.get("type") or "").lower() not in {"customrole", ""}:
        raise BadRequest("Built-in roles cannot be changed.", code="RoleDefinitionUpdateNotPermitted")
    role = _text(sent, "roleName")
    wanted = {
        "roleName": role,
        "description": str(sent.get("description") or ""),
        "type": "CustomRole",
        "permissions": _objects(sent, "permissions"),
        "assignableScopes": sent.get("assignableScopes") or [],
    }
    if not wanted["permissions"] or not wanted["assignableScopes"]:
        raise BadRequest("A custom role needs permissions and assignableScopes.", code="InvalidRoleDefinition")
    taken = {each["properties"]["roleName"].lower(): each["name"] for each in azure.store.children(DEFINITIONS)}
    taken |= {built_in.lower(): role_id for role_id, built_in in ROLE_IDS.items()}
    if taken.get(role.lower(), name.lower()).lower() != name.lower():
        raise Conflict(
            f"A custom role with the same name '{role}' already exists in this directory. Use a different name.",
            code="RoleDefinitionWithSameNameExists",
        )
    azure.store.put(DEFINITIONS, name, body={"name": name, "scope": f"/subscriptions/{scope}", "properties": wanted})
    return JSONResponse(_describe_definition(azure, name, scope), status_code=201)


@router.get(_PROVIDER + "/roleDefinitions/{name}")
async def get_definition(azure: Azure, scope: str, name: str) -> Document:
    return _describe_definition(azure, name, scope)


@router.put(_PROVIDER + "/roleAssignments/{name}")
async def put_assignment(azure: Azure, caller: Caller, scope: str, name: str, body: dict[str, Any]) -> Response:
    _require_guid(name, code="InvalidRoleAssignmentId", what="role assignment")
    sent = arm.properties_of(body)
    role, principal = _text(sent, "roleDefinitionId"), _text(sent, "principalId")
    _require_guid(principal, code="InvalidPrincipalId", what="principal")
    document = {
        "name": name,
        "scope": f"/subscriptions/{scope}",
        "principalId": principal,
        "principalType": str(sent.get("principalType") or "ServicePrincipal"),
        "roleDefinitionId": role,
        "systemData": arm.created(caller.name),
    }
    if actions_of(azure, role_of(document)) is None:
        raise BadRequest(f"The specified role definition with ID '{role_of(document)}' does not exist.", code="RoleDefinitionDoesNotExist")  # fmt: skip
    with azure.store.transaction():
        for each in azure.store.below(ASSIGNMENTS, levels=2):
            _require_no_clash(document, each)
        azure.store.put(ASSIGNMENTS, principal, name, body=document)
    return JSONResponse(_describe_assignment(document), status_code=201)


@router.get(_PROVIDER + "/roleAssignments/{name}")
async def get_assignment(azure: Azure, scope: str, name: str) -> Document:
    return _describe_assignment(_require_assignment(azure, scope, name))


@router.delete(_PROVIDER + "/roleAssignments/{name}")
async def delete_assignment(azure: Azure, scope: str, name: str) -> Response:
    try:
        found = _require_assignment(azure, scope, name)
    except NotFound:
        return Response(status_code=204)
    azure.store.delete(ASSIGNMENTS, found["principalId"], name)
    return JSONResponse(_describe_assignment(found))


@router.get(_PROVIDER + "/roleAssignments")
async def list_assignments(azure: Azure, scope: str, request: Request) -> Document:
    """At the scope and above, with ``atScope()``; without it also below. Of one principal, if the filter names it."""
    asked, here = request.query_params.get("$filter") or "", f"/subscriptions/{scope}"
    whose = _WHOSE.search(asked)
    rest = re.sub(r"atScope\(\)|\band\b", "", _WHOSE.sub("", asked), flags=re.I)
    if rest.strip():
        raise BadRequest(f"The filter '{asked}' is not supported.", code="UnsupportedQuery")
    found = azure.store.children(ASSIGNMENTS, whose[1]) if whose else azure.store.below(ASSIGNMENTS, levels=2)
    at_scope = "atscope()" in asked.lower()
    shown = [
        each
        for each in found
        if Assignment(scope=each["scope"]).covers(here)
        or (not at_scope and Assignment(scope=here).covers(each["scope"]))
    ]
    return {"value": [_describe_assignment(each) for each in shown]}


def _require_no_clash(new: Document, there: Document) -> None:
    same = [key for key in ("principalId", "scope") if str(new[key]).lower() == str(there[key]).lower()]
    is_same_role = role_of(new).lower() == role_of(there).lower()
    if new["name"].lower() == there["name"].lower():
        if len(same) < 2 or not is_same_role:
            raise BadRequest(
                "Tenant ID, application ID, principal ID, and scope are not allowed to be updated.",
                code="RoleAssignmentUpdateNotPermitted",
            )
    elif len(same) == 2 and is_same_role:
        raise Conflict(
            f"The role assignment already exists. The ID of the conflicting role assignment is {there['name'].replace('-', '')}.",
            code="RoleAssignmentExists",
        )


def _require_assignment(azure: Emulator, scope: str, name: str) -> Document:
    for each in azure.store.below(ASSIGNMENTS, levels=2):
        if (each["name"].lower(), each["scope"].lower()) == (name.lower(), f"/subscriptions/{scope}".lower()):
            return each
    raise NotFound(f"The role assignment '{name}' is not found.", code="RoleAssignmentNotFound")


def _describe_assignment(document: Document) -> Document:
    shown = {key: document[key] for key in ("roleDefinitionId", "principalId", "principalType", "scope")}
    resource = f"{document['scope']}/providers/Microsoft.Authorization/roleAssignments/{document['name']}"
    return {
        "id": resource,
        "name": document["name"],
        "type": "Microsoft.Authorization/roleAssignments",
        "properties": shown,
    }


def _describe_definition(azure: Emulator, name: str, scope: str) -> Document:
    role = ROLE_IDS.get(name.lower())
    document = azure.store.get(DEFINITIONS, name)
    if role is None and document is None:
        raise NotFound(f"The specified role definition with ID '{name}' does not exist.", code="RoleDefinitionDoesNotExist")  # fmt: skip
    if document is not None:
        properties = document["properties"]
    else:
        allowed, withheld = ROLES[role or ""]
        permission = {"actions": allowed, "notActions": withheld, "dataActions": [], "notDataActions": []}
        properties = {"roleName": role, "type": "BuiltInRole", "permissions": [permission], "assignableScopes": ["/"]}
    subscription = scope.partition("/")[0]
    return {
        "id": f"/subscriptions/{subscription}/providers/Microsoft.Authorization/roleDefinitions/{name}",
        "name": name,
        "type": "Microsoft.Authorization/roleDefinitions",
        "properties": properties,
    }


def _require_guid(text: str, *, code: str, what: str) -> None:
    try:
        uuid.UUID(text)
    except ValueError:
        raise BadRequest(f"The {what} ID '{text}' is not valid. The {what} ID must be a GUID.", code=code) from None


def _text(sent: Document, name: str) -> str:
    value = sent.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"The property {name} is required, as a string.", code="InvalidRequestContent")
    return value


def _objects(sent: Document, name: str) -> list[Document]:
    value = sent.get(name) or []
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise BadRequest(f"{name} must be a list of objects.", code="InvalidRequestContent")
    return value
