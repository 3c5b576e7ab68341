"""Who carries out which kind of step."""

from collections.abc import Callable, Mapping
from typing import Any

from app.azureml.errors import NotFound
from app.azureml.facade import AzureML
from app.steps.adopt_target import adopt_target
from app.steps.analyse import analyse
from app.steps.confirm_serving import confirm_serving
from app.steps.contract import Context, Outcome, Step
from app.steps.create_deployment import create_deployment
from app.steps.create_endpoint import create_endpoint
from app.steps.find_baseline import find_baseline
from app.steps.find_model import find_model
from app.steps.mirror_traffic import mirror_traffic
from app.steps.missing import require_there
from app.steps.publish_secrets import publish_secrets
from app.steps.register_model import register_model
from app.steps.restore_traffic import restore_traffic
from app.steps.retire_deployments import retire_deployments
from app.steps.reuse_deployment import reuse_deployment
from app.steps.share_environment import share_environment
from app.steps.share_model import share_model
from app.steps.shift_traffic import shift_traffic
from app.steps.verify_deployment import verify_deployment

# Each takes the ``Config`` of its kind: a test proves that kinds and functions match.
STEPS: Mapping[str, Callable[[AzureML, Context, Any], Outcome]] = {
    "register_model": register_model,
    "find_model": find_model,
    "share_model": share_model,
    "share_environment": share_environment,
    "create_endpoint": create_endpoint,
    "create_deployment": create_deployment,
    "reuse_deployment": reuse_deployment,
    "verify_deployment": verify_deployment,
    "find_baseline": find_baseline,
    "shift_traffic": shift_traffic,
    "mirror_traffic": mirror_traffic,
    "analyse": analyse,
    "restore_traffic": restore_traffic,
    "publish_secrets": publish_secrets,
    "retire_deployments": retire_deployments,
    "confirm_serving": confirm_serving,
    "adopt_target": adopt_target,
}


def build_steps(azure: AzureML) -> dict[str, Step]:
    """Every step by its kind, bound to this Azure ML."""
    return {kind: _bound(step, azure) for kind, step in STEPS.items()}


def _bound(step: Callable[[AzureML, Context, Any], Outcome], azure: AzureML) -> Step:
    def carry_out(context: Context, config: Any) -> Outcome:
        try:
            return step(azure, context, config)
        except NotFound as missing:
            require_there(azure, config.workspace, getattr(config, "registry", None), missing=missing)
            raise

    return carry_out
