"""Waiting until no operation changes an endpoint or deployment."""

from app.azureml.deployments import get_deployment
from app.azureml.endpoints import get_endpoint
from app.azureml.facade import AzureML
from app.azureml.types import Deployment, Endpoint
from app.planning.places import Place
from app.steps.contract import Context, Refused
from app.steps.waiting import wait_until


def settled_endpoint(azure: AzureML, context: Context, workspace: Place, name: str) -> Endpoint | None:
    """The endpoint, once no operation changes it; None where there is none. Raises TimedOut."""
    return wait_until(
        lambda seen: seen is None or seen.is_settled,
        lambda: get_endpoint(azure, workspace, name),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {name}",
    )


def require_endpoint(azure: AzureML, context: Context, workspace: Place, name: str) -> Endpoint:
    """As ``settled_endpoint``. Raises Refused where there is none: an earlier step had seen it."""
    found = settled_endpoint(azure, context, workspace, name)
    if found is None:
        raise Refused(
            f"Endpoint {name} no longer exists.",
            code="endpoint_not_found",
            hint="Somebody deleted it. Request a new release.",
        )
    return found


def settled_deployment(
    azure: AzureML, context: Context, workspace: Place, endpoint: str, name: str
) -> Deployment | None:
    """The deployment, once no operation changes it; None where there is none. Raises TimedOut."""
    return wait_until(
        lambda seen: seen is None or seen.is_settled,
        lambda: get_deployment(azure, workspace, endpoint, name),
        azure=azure,
        context=context,
        waiting_for=f"deployment {name} of {endpoint}",
    )
