"""From an asset's id, in any of the forms that Azure knows, to its version document."""

import re
from dataclasses import dataclass

from emulator.errors import BadRequest, NotFound
from emulator.state import Emulator
from emulator.store import Document

_REGISTRY = re.compile(
    r"azureml://registries/(?P<owner>[^/]+)/(?P<kind>\w+)/(?P<name>[^/]+)/(?P<by>versions|labels)/(?P<which>[^/]+)/?",
    re.I,
)
_WORKSPACE = re.compile(
    r"(?:azureml:/?)?/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.MachineLearningServices"
    r"/workspaces/(?P<owner>[^/]+)/(?P<kind>\w+)/(?P<name>[^/]+)/(?P<by>versions|labels)/(?P<which>[^/]+)/?",
    re.I,
)
_LOCATION = re.compile(
    r"azureml://locations/[^/]+/workspaces/(?P<owner>[^/]+)/(?P<kind>\w+)/(?P<name>[^/]+)/(?P<by>versions|labels)/(?P<which>[^/]+)/?",
    re.I,
)
_SHORT = re.compile(r"(?:azureml:)?(?P<name>[^:/@]+)(?::(?P<version>[^:/@]+)|@(?P<label>[^:/@]+))", re.I)


@dataclass(frozen=True)
class Reference:
    """An asset that an id names: in a workspace or in a registry, by version or by label."""

    owner_kind: str  # "workspaces" or "registries"
    owner: str
    kind: str  # "models", "environments", "codes", "data", "components"
    name: str
    version: str | None
    label: str | None


def parse(azure: Emulator, asset: str, *, kind: str, workspace: str | None = None) -> Reference:
    """Read an asset id; the short forms ``azureml:name:version`` and ``name@label`` need the workspace they are used in."""
    for owner_kind, pattern in (("registries", _REGISTRY), ("workspaces", _WORKSPACE), ("workspaces", _LOCATION)):
        if match := pattern.fullmatch(asset):
            if match["kind"].lower() != kind:
                raise BadRequest(f"'{asset}' does not name one of the {kind}.", code="ValidationError")
            owner = match["owner"]
            if pattern is _LOCATION:
                owner = _workspace_by_uuid(azure, owner)
            by_label = match["by"].lower() == "labels"
            which = match["which"]
            return Reference(
                owner_kind, owner, kind, match["name"], None if by_label else which, which if by_label else None
            )
    if workspace and (match := _SHORT.fullmatch(asset)):
        return Reference("workspaces", workspace, kind, match["name"], match["version"], match["label"])
    raise BadRequest(f"'{asset}' is not the id of one of the {kind}.", code="ValidationError")


def version(azure: Emulator, asset: str, *, kind: str, workspace: str | None = None) -> Document:
    """The version document that an asset id names, or NotFound in Azure's words."""
    at = parse(azure, asset, kind=kind, workspace=workspace)
    which = at.version or labelled(azure, at)
    document = azure.store.get(at.owner_kind, at.owner, at.kind, at.name, "versions", which)
    if document is None:
        raise NotFound(f"Could not find asset with ID: {asset}", code="UserError")
    return document


def labelled(azure: Emulator, at: Reference) -> str:
    """The version that a label stands for; ``latest`` (and ``default``) is the one created last that is not archived."""
    if (at.label or "").lower() not in ("latest", "default"):
        raise NotFound(f"Asset {at.name} has no label '{at.label}'.", code="UserError")
    versions = azure.store.children(at.owner_kind, at.owner, at.kind, at.name, "versions")
    for document in reversed(versions):
        if not document["properties"].get("isArchived"):
            return str(document["version"])
    raise NotFound(f"Could not find asset {at.name} with the label latest.", code="UserError")


def _workspace_by_uuid(azure: Emulator, workspace: str) -> str:
    for document in azure.store.children("workspaces"):
        if workspace.lower() in (document["workspaceId"].lower(), document["name"].lower()):
            return str(document["name"])
    raise NotFound(f"The workspace {workspace} was not found.")
