"""What our own identity may do at a resource, as Azure itself works it out."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from app.azureml.facade import AzureML

_API_VERSION = "2022-04-01"


@dataclass(frozen=True)
class Rights:
    """One pair of granted and withheld actions, with wildcards, for each role that was given there or above."""

    roles: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]

    def allow(self, action: str) -> bool:
        """Whether any of the roles allows it, e.g. ``Microsoft.MachineLearningServices/workspaces/models/versions/write``."""
        return any(_matches(action, granted) and not _matches(action, withheld) for granted, withheld in self.roles)


def read_rights(azure: AzureML, resource: str) -> Rights:
    """At the resource with this ARM id. Raises NotPermitted where we may not even ask."""
    root = azure.settings.resource_manager.rstrip("/")
    url: str | None = f"{root}{resource}/providers/Microsoft.Authorization/permissions?api-version={_API_VERSION}"
    roles = []
    # The address of a next page comes from outside: our token goes to nobody but the resource manager.
    while url and url.startswith(f"{root}/"):
        page: dict[str, Any] = azure.get_json(url, doing=f"read the service's permissions at {resource}")
        roles += [(tuple(each["actions"]), tuple(each.get("notActions") or ())) for each in page["value"]]
        url = page.get("nextLink")
    return Rights(tuple(roles))


def read_rights_of(azure: AzureML, principal: str, resource: str) -> Rights:
    """What somebody else, by object id, may do at the resource: by the roles that were given there or above, to its groups too.

    Raises NotPermitted where we may not look.
    """
    root = azure.settings.resource_manager.rstrip("/")
    about = f"{root}{resource}/providers/Microsoft.Authorization"
    asked = quote(f"atScope() and assignedTo('{principal}')")
    url: str | None = f"{about}/roleAssignments?api-version={_API_VERSION}&$filter={asked}"
    roles = set()
    while url and url.startswith(f"{root}/"):
        page: dict[str, Any] = azure.get_json(url, doing=f"read the role assignments at {resource}")
        roles |= {each["properties"]["roleDefinitionId"].rpartition("/")[2] for each in page["value"]}
        url = page.get("nextLink")
    permissions = []
    for role in sorted(roles):
        found = azure.get_json(f"{about}/roleDefinitions/{role}?api-version={_API_VERSION}", doing=f"read role {role}")
        permissions += found["properties"]["permissions"]
    return Rights(tuple((tuple(each["actions"]), tuple(each.get("notActions") or ())) for each in permissions))


def _matches(action: str, patterns: Sequence[str]) -> bool:
    """A star between two slashes stands for nothing, too: else Azure's own Managed Identity Operator could assign no identity."""
    known = [each for pattern in patterns for each in (pattern, pattern.replace("/*/", "/"))]
    return any(re.fullmatch(".*".join(map(re.escape, each.split("*"))), action, re.IGNORECASE) for each in known)
