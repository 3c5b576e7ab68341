"""The last step: read back from Azure that the deployment serves, unchanged, with its published secrets."""

from app.azureml.facade import AzureML
from app.azureml.secrets import stale_secrets
from app.azureml.types import Endpoint
from app.planning.kinds import ConfirmServing
from app.steps.as_made import require_as_made
from app.steps.contract import Context, Done, Refused
from app.steps.observing import observed_traffic
from app.steps.publish_secrets import values_to_publish
from app.steps.settled import require_endpoint
from app.steps.shares import require_serving_alone


def confirm_serving(azure: AzureML, context: Context, wanted: ConfirmServing) -> Done:
    """Change nothing. Raises Refused at the first thing that somebody changed since this rollout set it."""
    endpoint = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    deployment = require_as_made(azure, context, wanted)[wanted.deployment]
    require_serving_alone(endpoint, wanted.deployment)
    if wanted.key_vault is not None:
        _require_published(azure, wanted, endpoint, wanted.key_vault)
    return Done(
        f"{wanted.deployment} was found as it was made, with all of the traffic of {wanted.endpoint}.",
        output={
            "deployment": deployment.name,
            "model": deployment.model,
            "traffic": endpoint.live_traffic,
            "mirror_traffic": dict(endpoint.mirror_traffic),
        },
        changed=False,
        observed=observed_traffic(endpoint),
    )


def _require_published(azure: AzureML, wanted: ConfirmServing, endpoint: Endpoint, vault: str) -> None:
    stale = stale_secrets(azure, vault, values_to_publish(azure, wanted.workspace, endpoint))
    if stale:
        raise Refused(
            f"The secrets {', '.join(stale)} of {vault} do not match {wanted.endpoint} any more.",
            code="secrets_outdated",
            hint="Somebody regenerated the endpoint's keys or changed the secrets after they were published. A new release "
            "publishes them again.",
            secrets=stale,
        )
