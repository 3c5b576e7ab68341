"""Who carries out which kind of step."""

from collections.abc import Callable, Mapping
from typing import Any

from app.azureml.errors import NotFound
from app.azureml.facade import AzureML
from app.azureml.places import registry_exists, workspace_exists
from app.azureml.types import RegistryRef
from app.planning.places import Place
from app.steps.confirm_serving import confirm_serving
from app.steps.contract import Context, Done, Refused, Step
from app.steps.create_deployment import create_deployment
from app.steps.create_endpoint import create_endpoint
from app.steps.preflight import preflight
from app.steps.publish_secrets import publish_secrets
from app.steps.register_model import register_model
from app.steps.resolve_content import resolve_content
from app.steps.retire_deployments import retire_deployments
from app.steps.share_environment import share_environment
from app.steps.share_model import share_model
from app.steps.shift_traffic import shift_traffic
from app.steps.verify_deployment import verify_deployment

# Each takes the ``Config`` of its kind: a test proves that kinds and functions match.
STEPS: Mapping[str, Callable[[AzureML, Context, Any], Done]] = {
    "resolve_content": resolve_content,
    "preflight": preflight,
    "register_model": register_model,
    "share_model": share_model,
    "share_environment": share_environment,
    "create_endpoint": create_endpoint,
    "create_deployment": create_deployment,
    "verify_deployment": verify_deployment,
    "shift_traffic": shift_traffic,
    "publish_secrets": publish_secrets,
    "retire_deployments": retire_deployments,
    "confirm_serving": confirm_serving,
}


def build_steps(azure: AzureML) -> dict[str, Step]:
    """Every step by its kind, bound to this Azure ML."""
    return {kind: _bound(step, azure) for kind, step in STEPS.items()}


def _bound(step: Callable[[AzureML, Context, Any], Done], azure: AzureML) -> Step:
    def carry_out(context: Context, config: Any) -> Done:
        try:
            return step(azure, context, config)
        except NotFound as missing:
            _require_places(azure, config, missing)
            raise

    return carry_out


def _require_places(azure: AzureML, config: Any, missing: NotFound) -> None:
    """Raise Refused when what was not found is the workspace or the registry itself."""
    workspace: Place = Place.model_validate(config["workspace"]) if isinstance(config, dict) else config.workspace
    if not workspace_exists(azure, workspace):
        raise Refused(
            f"There is no workspace {workspace.workspace} in resource group {workspace.resource_group}, or the service may not see it.",
            code="workspace_not_found",
            hint="Correct workspace, resource_group or subscription in release.yml, or give the service access.",
        ) from missing
    registry = getattr(config, "registry", None)
    if registry and not registry_exists(azure, RegistryRef(registry)):
        raise Refused(
            f"There is no registry {registry}, or the service may not see it.",
            code="registry_not_found",
            hint="Correct registry in release.yml, or give the service access to it.",
        ) from missing
