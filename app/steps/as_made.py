"""What was verified, and nothing else, has traffic: a deployment is compared with how the step that made or found it left it."""

from collections.abc import Mapping

from app.azureml.deployments import list_deployments
from app.azureml.facade import AzureML
from app.azureml.types import Deployment
from app.planning.kinds import Analyse, ConfirmServing, MirrorTraffic, ShiftTraffic
from app.planning.observed import DeploymentFacts, Observed
from app.planning.tags import DIGEST_TAG
from app.serving.drift import changes
from app.steps.contract import Context, Refused
from app.steps.digests import require_digest
from app.steps.observing import facts_of_deployment
from app.steps.waiting import wait_until

_Wanted = ShiftTraffic | MirrorTraffic | Analyse | ConfirmServing


def deployments_there(azure: AzureML, wanted: _Wanted) -> Mapping[str, Deployment]:
    """All of the endpoint, by their names in lower case."""
    return {each.name.lower(): each for each in list_deployments(azure, wanted.workspace, wanted.endpoint)}


def require_as_made(azure: AzureML, context: Context, wanted: _Wanted) -> Mapping[str, Deployment]:
    """All deployments of the endpoint, by their names in lower case, once no operation changes this one.

    Raises Refused where it is gone, does not work, or was changed.
    """
    found = wait_until(
        lambda seen: wanted.deployment not in seen or seen[wanted.deployment].is_settled,
        lambda: deployments_there(azure, wanted),
        azure=azure,
        context=context,
        waiting_for=f"deployment {wanted.deployment} of {wanted.endpoint}",
    )
    deployment = found.get(wanted.deployment)
    if deployment is not None and deployment.state != "succeeded":
        raise Refused(
            f"Deployment {wanted.deployment} of {wanted.endpoint} is {deployment.state}, so it cannot serve.",
            code="deployment_not_ready",
            hint="Somebody changed it after it was created. Request a new release.",
        )
    require_unchanged(deployment, context, wanted)
    return found


def require_unchanged(found: Deployment | None, context: Context, wanted: _Wanted) -> Deployment:
    """The deployment, in whatever state. Raises Refused where it is gone, or was changed since it was made."""
    if found is None:
        raise Refused(
            f"Deployment {wanted.deployment} of {wanted.endpoint} no longer exists.",
            code="deployment_deleted",
            hint="Somebody deleted it after it was created. Request a new release.",
            observed=Observed(gone=(wanted.deployment,)),
        )
    made = context.outputs[wanted.made_by]
    if made["digest"] is not None:
        require_digest(found.tags.get(DIGEST_TAG, "unknown"), made["digest"], where=f"deployment {wanted.deployment}")
    differences = changes(DeploymentFacts.of_output(made), facts_of_deployment(found))
    if differences:
        raise Refused(
            f"Deployment {wanted.deployment} of {wanted.endpoint} was changed after it was made. {' '.join(differences)}",
            code="deployment_changed",
            hint="It is not what was verified. Find out who changed it, and request a new release.",
            differences=differences,
        )
    return found
