"""Delete old deployments of this service. The serving one stays, and so do the previous ones for a rollback."""

from app.azureml.deployments import list_deployments
from app.azureml.errors import BadRequest
from app.azureml.facade import AzureML
from app.azureml.types import Deployment, Endpoint
from app.planning.kinds import RetireDeployments
from app.planning.observed import Observed
from app.planning.tags import MODEL_TAG, RELEASE_TAG
from app.steps.contract import Context, Done
from app.steps.deleting import delete_deployment
from app.steps.served import served_before
from app.steps.settled import require_endpoint
from app.steps.shares import has_traffic, require_serving_alone


def retire_deployments(azure: AzureML, context: Context, wanted: RetireDeployments) -> Done:
    """Delete what is ours, has no traffic, and is not among the last to have served. Others' are never touched.

    Raises Refused, and deletes nothing, unless this release's deployment has all of the traffic: then somebody went back to
    another one, or stopped the endpoint, and any of the old ones may be what they need next.
    """
    endpoint = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    require_serving_alone(endpoint, wanted.deployment)
    all_of_them = list_deployments(azure, wanted.workspace, wanted.endpoint)
    retirable = _retirable(all_of_them, endpoint, wanted)
    deleted = [each.name for each in retirable if _delete(azure, context, wanted, each)]
    kept = [each.name for each in all_of_them if each.name not in deleted]
    mirrored = [name for name in kept if endpoint.mirror_traffic.get(name.lower())]
    because = f" {', '.join(mirrored)} receives mirror traffic." if mirrored else ""
    return Done(
        f"Deleted {', '.join(deleted)}; kept {', '.join(kept)}.{because}"
        if deleted
        else f"Deleted nothing; kept {', '.join(kept)}.{because}",
        output={"deleted": deleted, "kept": kept},
        changed=bool(deleted),
        observed=Observed(there=tuple(name.lower() for name in kept)),
    )


def _retirable(deployments: list[Deployment], endpoint: Endpoint, wanted: RetireDeployments) -> list[Deployment]:
    """Ours without traffic, less those that are kept warm."""
    idle = [
        each
        for each in deployments
        if each.name != wanted.deployment
        and each.tags.get(MODEL_TAG) == wanted.model
        and RELEASE_TAG in each.tags
        and not has_traffic(endpoint, each.name)
    ]
    able = {each.name: each.can_answer for each in idle}
    former = [name for name in served_before(endpoint, wanted.deployment) if name in able]
    # One whose last change failed may serve all the same: it goes only when another one is kept.
    warm = sorted(former, key=lambda name: not able[name])[: wanted.keep]
    return [each for each in idle if each.name not in warm]


def _delete(azure: AzureML, context: Context, wanted: RetireDeployments, old: Deployment) -> bool:
    """False when it has got traffic meanwhile."""
    endpoint = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    require_serving_alone(endpoint, wanted.deployment)
    if has_traffic(endpoint, old.name):
        return False
    try:
        delete_deployment(azure, context, wanted.workspace, wanted.endpoint, old)
    except BadRequest:
        # Azure deletes nothing that has traffic: somebody gave it some in the last moment.
        if not has_traffic(require_endpoint(azure, context, wanted.workspace, wanted.endpoint), old.name):
            raise
        return False
    return True
