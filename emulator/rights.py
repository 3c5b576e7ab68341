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
    "AzureML Metrics Writer": (["Microsoft.MachineLearningServices/workspaces/metrics/*/write"], []),
    "AcrPull": (["Microsoft.ContainerRegistry/registries/pull/read"], []),
    "AcrPush": (
        ["Microsoft.ContainerRegistry/registries/pull/read", "Microsoft.ContainerRegistry/registries/push/write"],
        [],
    ),
    "Managed Identity Operator": (
        [
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
            "Microsoft.Authorization/*/read",
        ],
        [],
    ),
    "Storage Blob Data Contributor": (["Microsoft.Storage/storageAccounts/blobServices/containers/*"], []),
    "Storage Blob Data Reader": (["Microsoft.Storage/storageAccounts/blobServices/containers/read"], []),
    "Key Vault Secrets Officer": (["Microsoft.KeyVault/vaults/secrets/*"], []),
    "Key Vault Secrets User": (["Microsoft.KeyVault/vaults/secrets/read"], []),
}


# The same in every tenant: Microsoft's "Azure built-in roles".
ROLE_IDS: dict[str, str] = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "acdd72a7-3385-48ef-bd42-f606fba81ae7": "Reader",
    "43d0d8ad-25c7-4714-9337-8ba259a9fe05": "Monitoring Reader",
    "f6c7c914-8db3-469d-8ca1-694a8f32e121": "AzureML Data Scientist",
    "1823dd4f-9b8c-4ab6-ab4e-7397a3684615": "AzureML Registry User",
    "635dd51f-9968-44d3-b7fb-6d9a6bd613ae": "AzureML Metrics Writer",
    "7f951dda-4ed3-4680-a7ca-43fe172d538d": "AcrPull",
    "8311e382-0749-4cb8-b61a-304f252e45ec": "AcrPush",
    "f1a07417-d97a-45cb-824c-7a7467783830": "Managed Identity Operator",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1": "Storage Blob Data Reader",
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "Key Vault Secrets Officer",
    "4633458b-17de-408a-b874-0445c86b69e6": "Key Vault Secrets User",
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
    """A star between two slashes stands for nothing, too: else Azure's own Managed Identity Operator could assign no identity."""
    known = [each.lower() for pattern in patterns for each in (pattern, pattern.replace("/*/", "/"))]
    return any(fnmatch.fnmatchcase(action.lower(), each) for each in known)


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
    if (about := _authorization(segments)) is not None:
        kind, resource = about
        return f"Microsoft.Authorization/{kind}/{_VERBS.get(method, 'action')}", resource
    provider = segments.index("providers")
    if provider + 1 == len(segments):
        return "Microsoft.Resources/subscriptions/providers/" + _VERBS.get(method, "action"), "/" + "/".join(
            segments[:2]
        )
    kinds = segments[provider + 2 :: 2]
    # A registry's content has three actions only, whatever kind of asset it is.
    if kinds[:1] == ["registries"] and len(kinds) > 1:
        verb = "read" if method in ("GET", "HEAD") or kinds[1] == "datarefs" else "write"
        verb = "delete" if method == "DELETE" else verb
        return f"{segments[provider + 1]}/registries/assets/{verb}", "/" + "/".join(segments[: provider + 4])
    verb = _VERBS.get(method, "action")
    return f"{segments[provider + 1]}/{'/'.join(kinds)}/{verb}", "/" + "/".join(segments)


def _authorization(segments: list[str]) -> tuple[str, str] | None:
    """Of a role's definition or assignment: which of the two, and the resource that it is of."""
    words = [each.lower() for each in segments]
    at = len(words) - 1 - words[::-1].index("providers")
    if words[at + 1 : at + 2] != ["microsoft.authorization"]:
        return None
    kinds = {"roleassignments": "roleAssignments", "roledefinitions": "roleDefinitions"}
    kind = kinds.get(words[at + 2]) if len(words) > at + 2 else None
    return None if kind is None else (kind, "/" + "/".join(segments[:at]))
