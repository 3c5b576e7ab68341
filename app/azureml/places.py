"""Whether the workspaces and registries that people name are there."""

from app.azureml.errors import NotFound
from app.azureml.facade import AzureML
from app.azureml.types import RegistryRef, WorkspaceRef


def workspace_exists(azure: AzureML, workspace: WorkspaceRef) -> bool:
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
