"""Find a deployment that is there already as it is on record, so that it can get the traffic again."""

from app.azureml.facade import AzureML
from app.azureml.types import Deployment
from app.planning.kinds import ReuseDeployment
from app.planning.observed import Observed
from app.planning.places import Target
from app.serving.drift import changes
from app.steps.contract import Context, Done, Refused
from app.steps.deployed_content import deployed_digest
from app.steps.endpoint_owner import is_ours
from app.steps.idle_deployments import scale_deployment
from app.steps.observing import facts_of_deployment
from app.steps.settled import require_endpoint, settled_deployment

_AGAIN = "Roll back again: what is gone or was changed is not reused, but made anew."


def reuse_deployment(azure: AzureML, context: Context, wanted: ReuseDeployment) -> Done:
    """Raises Refused unless it works and is as it was, its model's content too where that is known. What was scaled down is scaled up."""
    endpoint = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    if not is_ours(endpoint, wanted.owner):
        raise Refused(
            f"Endpoint {wanted.endpoint} does not belong to {wanted.owner} any more.",
            code="not_ours",
            hint="Somebody changed its tag. Find out who uses it now.",
        )
    found = _require_usable(azure, context, wanted)
    _require_as_on_record(found, wanted)
    if wanted.digest is not None:
        deployed_digest(azure, context, wanted.workspace, found, wanted=wanted.digest)
    few = wanted.instances is not None and (found.instance_count or 0) < wanted.instances
    if few:
        target = Target(place=wanted.workspace, endpoint=wanted.endpoint)
        found = scale_deployment(azure, context, target, found, instances=wanted.instances or 1)
    scaled = f" It was scaled up to {found.instance_count} instances." if few else ""
    facts = facts_of_deployment(found)
    return Done(
        f"Deployment {found.name} of {wanted.endpoint} was found as it is on record.{scaled}",
        output={**facts.as_output, "digest": wanted.digest},
        changed=few,
        observed=Observed(deployments=(facts,)),
    )


def _require_usable(azure: AzureML, context: Context, wanted: ReuseDeployment) -> Deployment:
    found = settled_deployment(azure, context, wanted.workspace, wanted.endpoint, wanted.deployment)
    if found is None:
        raise Refused(
            f"Deployment {wanted.deployment} of {wanted.endpoint} no longer exists.",
            code="deployment_deleted",
            hint=_AGAIN
            if wanted.recorded.release is not None
            else "Others made it, and this service cannot make it anew.",
        )
    if found.state != "succeeded":
        raise Refused(
            f"Deployment {wanted.deployment} of {wanted.endpoint} is not usable: it is {found.state}.",
            code="deployment_not_ready",
            hint="Repair it in Azure, or delete it, and roll back again.",
        )
    return found


def _require_as_on_record(found: Deployment, wanted: ReuseDeployment) -> None:
    differences = changes(wanted.recorded, facts_of_deployment(found))
    if differences:
        raise Refused(
            f"Deployment {wanted.deployment} of {wanted.endpoint} is not as it is on record. {' '.join(differences)}",
            code="deployment_changed",
            hint=_AGAIN
            if wanted.recorded.release is not None
            else "To go back to it as it is now, adopt the endpoint first: `mlrelease targets adopt MODEL STAGE`.",
            differences=differences,
        )
