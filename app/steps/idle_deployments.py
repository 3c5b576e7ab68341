"""Deployments that nobody needs any more: deleted, or scaled down, unless they have got traffic or another owner meanwhile."""

from app.azureml.deployments import begin_scale, list_deployments
from app.azureml.errors import BadRequest
from app.azureml.facade import AzureML
from app.azureml.types import Deployment
from app.planning.places import Target
from app.planning.tags import RELEASE_TAG
from app.steps.contract import Context, Refused
from app.steps.deleting import delete_deployment
from app.steps.settled import require_endpoint, settled_deployment, settled_endpoint
from app.steps.shares import has_traffic
from app.steps.waiting import begin_when_free


def find_ours(azure: AzureML, context: Context, target: Target) -> list[Deployment]:
    """Every deployment there that a release made; none where there is no endpoint."""
    if settled_endpoint(azure, context, target.place, target.endpoint) is None:
        return []
    return [each for each in list_deployments(azure, target.place, target.endpoint) if RELEASE_TAG in each.tags]


def delete_idle(azure: AzureML, context: Context, target: Target, name: str, *, release: str) -> bool:
    """Whether it is gone now."""
    found = settled_deployment(azure, context, target.place, target.endpoint, name)
    if found is None:
        return True
    if not _is_idle(azure, context, target, found, release=release):
        return False
    try:
        delete_deployment(azure, context, target.place, target.endpoint, found)
    except BadRequest:
        # Azure deletes nothing that has traffic: somebody gave it some in the last moment.
        if _is_idle(azure, context, target, found, release=release):
            raise
        return False
    return True


def scale_idle(
    azure: AzureML, context: Context, target: Target, name: str, *, release: str, instances: int
) -> Deployment | None:
    """As it is then; None where it is not to be touched."""
    found = settled_deployment(azure, context, target.place, target.endpoint, name)
    if found is None or not _is_idle(azure, context, target, found, release=release):
        return None
    return scale_deployment(azure, context, target, found, instances=instances)


def scale_deployment(
    azure: AzureML, context: Context, target: Target, found: Deployment, *, instances: int
) -> Deployment:
    """Have it run on so many machines. Raises what Azure's operation failed with."""
    if found.instance_count == instances and found.state == "succeeded":
        return found
    begin_when_free(
        lambda: begin_scale(azure, target.place, target.endpoint, found.name, instances=instances),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {target.endpoint}, which is being changed",
    )
    scaled = settled_deployment(azure, context, target.place, target.endpoint, found.name)
    if scaled is None:
        raise Refused(f"Deployment {found.name} was deleted while it was being scaled.", code="deployment_deleted")
    if scaled.state != "succeeded":
        azure.raise_failure(scaled.operation_uri, doing=f"scale deployment {target.endpoint}/{found.name}")
    return scaled


def _is_idle(azure: AzureML, context: Context, target: Target, found: Deployment, *, release: str) -> bool:
    endpoint = require_endpoint(azure, context, target.place, target.endpoint)
    return found.tags.get(RELEASE_TAG) == release and not has_traffic(endpoint, found.name)
