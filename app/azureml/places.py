"""Whether the workspaces and registries that people name are there, and where."""

from dataclasses import dataclass

from app.azureml.errors import NotFound
from app.azureml.facade import AzureML
from app.azureml.types import RegistryRef
from app.planning.places import Place


def workspace_exists(azure: AzureML, workspace: Place) -> bool:
    """Whether it is there, and visible to us."""
    try:
        with azure.connect(workspace, doing=f"look up {workspace}") as client:
            client.workspaces.get(workspace.workspace)
    except NotFound:
        return False
    return True


def registry_exists(azure: AzureML, registry: RegistryRef) -> bool:
    """Whether it is there, and visible to us."""
    try:
        # Connecting asks the discovery service already.
        with azure.connect(registry, doing=f"look up {registry}"):
            return True
    except NotFound:
        return False


def workspace_region(azure: AzureML, workspace: Place) -> str:
    """The region that it is in, e.g. ``eastus``. Raises NotFound."""
    with azure.connect(workspace, doing=f"look up {workspace}") as client:
        return _region(client.workspaces.get(workspace.workspace).location)


@dataclass(frozen=True)
class RegistryPlace:
    """Where a registry is: as a resource, and in which regions."""

    arm_id: str
    regions: frozenset[str]


def registry_place(azure: AzureML, registry: RegistryRef) -> RegistryPlace:
    """Raises NotFound."""
    with azure.connect(registry, doing=f"look up {registry}") as client:
        found = client.registries.get(registry.name)
    regions = {_region(each.location) for each in found.replication_locations or []}
    return RegistryPlace(arm_id=str(found.id), regions=frozenset(regions | {_region(found.location)}))


def same_region(one: object, other: object) -> bool:
    """Whether both names are of one region, however they are written."""
    return _region(one) == _region(other)


def _region(name: object) -> str:
    """Azure writes East US and eastus for the same."""
    return str(name or "").replace(" ", "").lower()
