"""Remove old deployments of ours. What serves stays, and what served last stays warm for a way back."""

from app.azureml.deployments import list_deployments
from app.azureml.endpoints import get_endpoint
from app.azureml.facade import AzureML
from app.azureml.types import Deployment, Endpoint
from app.steps.config import MODEL_TAG, RELEASE_TAG, StepConfig, WorkspaceConfig, read_config
from app.steps.contract import Context, Done, Json, Refused
from app.steps.deleting import delete_deployment
from app.steps.former import former_of


class RetireDeployments(StepConfig):
    """``deployment`` is this release's; ``keep``: how many former ones stay."""

    workspace: WorkspaceConfig
    endpoint: str
    deployment: str
    model: str
    keep: int = 1


def retire_deployments(azure: AzureML, context: Context, config: Json) -> Done:
    """Delete what is ours, has no traffic, and is not among the last to have served. Others' are never touched."""
    wanted = read_config(RetireDeployments, config)
    endpoint = _endpoint(azure, wanted)
    all_of_them = list_deployments(azure, wanted.workspace.ref, wanted.endpoint)
    retirable = _retirable(all_of_them, endpoint, wanted)
    deleted = [each.name for each in retirable if _delete(azure, context, wanted, each)]
    kept = [each.name for each in all_of_them if each.name not in deleted]
    return Done(
        f"Deleted {', '.join(deleted)}; {', '.join(kept)} stay."
        if deleted
        else f"Nothing to delete: {', '.join(kept)}.",
        output={"deleted": deleted, "kept": kept},
        changed=bool(deleted),
    )


def _retirable(deployments: list[Deployment], endpoint: Endpoint, wanted: RetireDeployments) -> list[Deployment]:
    """Ours without traffic, less those that are kept warm."""
    idle = [
        each
        for each in deployments
        if each.name != wanted.deployment
        and each.tags.get(MODEL_TAG) == wanted.model
        and RELEASE_TAG in each.tags
        and not _has_traffic(endpoint, each.name)
    ]
    working = {each.name for each in idle if each.state == "succeeded"}
    warm = [name for name in former_of(endpoint) if name in working][: wanted.keep]
    return [each for each in idle if each.name not in warm]


def _delete(azure: AzureML, context: Context, wanted: RetireDeployments, old: Deployment) -> bool:
    """False when it has got traffic meanwhile."""
    if _has_traffic(_endpoint(azure, wanted), old.name):
        return False
    delete_deployment(azure, context, wanted.workspace.ref, wanted.endpoint, old)
    return True


def _endpoint(azure: AzureML, wanted: RetireDeployments) -> Endpoint:
    endpoint = get_endpoint(azure, wanted.workspace.ref, wanted.endpoint)
    if endpoint is None:
        raise Refused(f"There is no endpoint {wanted.endpoint} any more.", code="endpoint_not_found")
    return endpoint


def _has_traffic(endpoint: Endpoint, name: str) -> bool:
    return bool(endpoint.traffic.get(name) or endpoint.mirror_traffic.get(name))
