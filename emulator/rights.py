"""Rights: Azure's roles, their assignment over a scope, and the names that Azure has for what a request does.

An action is e.g. ``Microsoft.MachineLearningServices/workspaces/models/versions/write``; roles name actions with wildcards.
"""

import fnmatch

from pydantic import BaseModel, Field

ROLES: dict[str, tuple[list[str], list[str]]] = {
    "Owner": (["*"], []),
    "Contributor": (["*"], ["Microsoft.Authorization/*/write", "Microsoft.Authorization/*/delete"]),
    "Reader": (["*/read"], []),
    "Monitoring Reader": (["*/read"], []),
    "AzureML Data Scientist": (
        ["Microsoft.MachineLearningServices/workspaces/*"],
        ["Microsoft.MachineLearningServices/workspaces/write", "Microsoft.MachineLearningServices/workspaces/delete"],
    ),
    "AzureML Registry User": (
        ["Microsoft.MachineLearningServices/registries/read", "Microsoft.MachineLearningServices/registries/assets/*"],
        [],
    ),
    "Key Vault Secrets Officer": (["Microsoft.KeyVault/vaults/secrets/*"], []),
    "Key Vault Secrets User": (["Microsoft.KeyVault/vaults/secrets/read"], []),
}


class Assignment(BaseModel):
    """What a principal may do over a scope: a role's name, or actions of its own."""

    scope: str = "/"
    role: str | None = None
    actions: list[str] = Field(default_factory=list)
    not_actions: list[str] = Field(default_factory=list)

    def allows(self, action: str, *, scope: str) -> bool:
        granted, withheld = (self.actions, self.not_actions) if self.role is None else ROLES[self.role]
        return self.covers(scope) and _matches(action, granted) and not _matches(action, withheld)

    def covers(self, scope: str) -> bool:
        """Whether it holds there: at its own scope, and at everything below."""
        above = self.scope.rstrip("/").lower()
        return above == scope.lower() or scope.lower().startswith(above + "/")


def _matches(action: str, patterns: list[str]) -> bool:
    return any(fnmatch.fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


# What another provider has of a resource, at the end of its id.
_EXTENSIONS = {
    "providers/microsoft.authorization/permissions": "Microsoft.Authorization/permissions",
    "providers/microsoft.insights/metrics": "Microsoft.Insights/metrics",
    "providers/microsoft.insights/metricdefinitions": "Microsoft.Insights/metricDefinitions",
}
_VERBS = {"GET": "read", "HEAD": "read", "PUT": "write", "PATCH": "write", "DELETE": "delete"}


def required(method: str, path: str) -> tuple[str, str] | None:
    """Azure's name of what this request does and the resource it does it to; None when the path names no resource."""
    at = path.lower().find("/subscriptions/")
    if at < 0:
        return None
    segments = path[at:].strip("/").split("/")
    if "providers" not in segments:
        action = "Microsoft.Resources/subscriptions/" + ("resourceGroups/" if len(segments) > 2 else "")
        return action + _VERBS.get(method, "action"), "/" + "/".join(segments[:4])
    extension = _EXTENSIONS.get("/".join(segments[-3:]).lower())
    if extension is not None:
        return f"{extension}/{_VERBS.get(method, 'action')}", "/" + "/".join(segments[:-3])
    provider = segments.index("providers")
    if provider + 1 == len(segments):
        return "Microsoft.Resources/subscriptions/providers/" + _VERBS.get(method, "action"), "/" + "/".join(
            segments[:2]
        )
    kinds = segments[provider + 2 :: 2]
    # A registry's content has two actions only, whatever kind of asset it is.
    if kinds[:1] == ["registries"] and len(kinds) > 1:
        verb = "read" if method in ("GET", "HEAD") or kinds[1] == "datarefs" else "write"
        return f"{segments[provider + 1]}/registries/assets/{verb}", "/" + "/".join(segments[: provider + 4])
    verb = _VERBS.get(method, "action")
    return f"{segments[provider + 1]}/{'/'.join(kinds)}/{verb}", "/" + "/".join(segments)
