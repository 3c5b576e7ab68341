"""The last step: read back from Azure that the deployment serves, unchanged, with its published secrets."""

from app.azureml.facade import AzureML
from app.azureml.secrets import stale_secrets
from app.azureml.types import Deployment, Endpoint
from app.planning.assets import same_asset
from app.planning.kinds import ConfirmServing
from app.planning.observed import Observed
from app.planning.tags import DIGEST_TAG, RELEASE_TAG
from app.steps.contract import Context, Done, Refused
from app.steps.digests import require_digest
from app.steps.observing import observed_traffic
from app.steps.publish_secrets import values_to_publish
from app.steps.settled import require_endpoint, settled_deployment
from app.steps.shares import require_serving_alone


def confirm_serving(azure: AzureML, context: Context, wanted: ConfirmServing) -> Done:
    """Change nothing. Raises Refused at the first thing that somebody changed since this rollout set it."""
    endpoint = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    deployment = _deployment(azure, context, wanted)
    _require_as_made(deployment, context, wanted)
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


def _deployment(azure: AzureML, context: Context, wanted: ConfirmServing) -> Deployment:
    found = settled_deployment(azure, context, wanted.workspace, wanted.endpoint, wanted.deployment)
    if found is None:
        raise Refused(
            f"Deployment {wanted.deployment} of {wanted.endpoint} no longer exists.",
            code="deployment_deleted",
            hint="Somebody deleted it after it had received the traffic. Request a new release.",
            observed=Observed(gone=(wanted.deployment,)),
        )
    return found


def _require_as_made(found: Deployment, context: Context, wanted: ConfirmServing) -> None:
    made, release = context.outputs[wanted.made_by], found.tags.get(RELEASE_TAG)
    if wanted.digest is not None:
        require_digest(found.tags.get(DIGEST_TAG, "unknown"), wanted.digest, where=f"deployment {wanted.deployment}")
    is_and_was = {
        "its state": (found.state, "succeeded", found.state == "succeeded"),
        "model": (found.model, made["model"], same_asset(found.model, made["model"])),
        "environment": (found.environment, made["environment"], same_asset(found.environment, made["environment"])),
        "instance_type": (found.instance_type, made["instance_type"], found.instance_type == made["instance_type"]),
        RELEASE_TAG: (release, made["release"], release == made["release"]),
    }
    differences = [f"{name} is {is_}, was {was}" for name, (is_, was, same) in is_and_was.items() if not same]
    if differences:
        raise Refused(
            f"Deployment {wanted.deployment} of {wanted.endpoint} was changed after it was made: {'; '.join(differences)}.",
            code="deployment_changed",
            hint="What serves now is not what was verified. Find out who changed it, and request a new release.",
            differences=differences,
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
