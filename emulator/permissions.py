"""What a caller may do at a resource, as Azure tells it: one entry for each of its role assignments that covers the resource."""

from fastapi import APIRouter

from emulator.identity import Caller
from emulator.rights import ROLES
from emulator.store import Document

router = APIRouter()


@router.get("/subscriptions/{resource:path}/providers/Microsoft.Authorization/permissions")
async def list_permissions(caller: Caller, resource: str) -> Document:
    """Key Vault's secrets are ``actions`` here, as in this emulator's roles; Azure has them among ``dataActions``."""
    scope = f"/subscriptions/{resource}"
    found = []
    for each in caller.assignments:
        if each.covers(scope):
            granted, withheld = (each.actions, each.not_actions) if each.role is None else ROLES[each.role]
            found.append({"actions": granted, "notActions": withheld, "dataActions": [], "notDataActions": []})
    return {"value": found}
