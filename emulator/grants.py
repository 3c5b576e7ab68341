"""Roles as Resource Manager knows them: built-in and custom definitions by id, and what was assigned to whom over it."""

from emulator.rights import ROLE_IDS, ROLES, Assignment
from emulator.state import Emulator
from emulator.store import Document

DEFINITIONS = "role_definitions"
ASSIGNMENTS = "role_assignments"  # below it principal, then name


def actions_of(azure: Emulator, role: str) -> tuple[list[str], list[str]] | None:
    """What the role with this id, a GUID, allows and withholds. None: there is no such role."""
    if role.lower() in ROLE_IDS:
        return ROLES[ROLE_IDS[role.lower()]]
    document = azure.store.get(DEFINITIONS, role)
    if document is None:
        return None
    permissions = document["properties"]["permissions"]
    return (
        [action for each in permissions for action in each.get("actions") or []],
        [action for each in permissions for action in each.get("notActions") or []],
    )


def assignments_of(azure: Emulator, principal: str) -> list[Assignment]:
    """What somebody was given through Resource Manager; an assignment whose role is gone gives nothing."""
    found = []
    for each in azure.store.children(ASSIGNMENTS, principal):
        role = actions_of(azure, role_of(each))
        if role is not None:
            found.append(Assignment(scope=each["scope"], actions=role[0], not_actions=role[1]))
    return found


def may(azure: Emulator, principal: str, action: str, *, scope: str) -> bool:
    """Whether an identity that is no caller here, an endpoint's, may do something."""
    return any(each.allows(action, scope=scope) for each in assignments_of(azure, principal))


def role_of(assignment: Document) -> str:
    """The id of its role, a GUID."""
    return str(assignment["roleDefinitionId"]).rpartition("/")[2]
