"""When something was not found: perhaps the place itself is not there."""

from app.azureml.facade import AzureML
from app.azureml.places import registry_exists, workspace_exists
from app.azureml.types import RegistryRef
from app.errors import StepError
from app.planning.places import Place
from app.steps.contract import Refused


def require_there(azure: AzureML, workspace: Place, registry: str | None = None, *, missing: StepError) -> None:
    """Raise Refused when what was not found is the workspace or the registry itself."""
    if not workspace_exists(azure, workspace):
        raise Refused(
            f"There is no workspace {workspace.workspace} in resource group {workspace.resource_group}, or the service may not see it.",
            code="workspace_not_found",
            hint="Correct workspace, resource_group or subscription in release.yml, or give the service access.",
        ) from missing
    if registry and not registry_exists(azure, RegistryRef(registry)):
        raise Refused(
            f"There is no registry {registry}, or the service may not see it.",
            code="registry_not_found",
            hint="Correct registry in release.yml, or give the service access to it.",
        ) from missing
