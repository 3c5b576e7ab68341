"""Deleting a deployment, until it is gone."""

from app.azureml.deployments import begin_delete_deployment, get_deployment
from app.azureml.facade import AzureML
from app.azureml.types import Deployment
from app.planning.places import Place
from app.steps.contract import Context
from app.steps.waiting import begin_when_free, wait_until


def delete_deployment(
    azure: AzureML, context: Context, workspace: Place, endpoint: str, deployment: Deployment
) -> None:
    """Delete and wait. Raises what Azure's operation failed with: then the deployment is still there."""
    name = deployment.name
    begin_when_free(
        lambda: begin_delete_deployment(azure, workspace, endpoint, name),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {endpoint}, which is being changed",
    )
    left = wait_until(
        # Settled by an operation that is not the one from before: ours.
        lambda seen: seen is None or (seen.is_settled and seen.operation_uri != deployment.operation_uri),
        lambda: get_deployment(azure, workspace, endpoint, name),
        azure=azure,
        context=context,
        waiting_for=f"the end of deployment {name}",
    )
    if left is not None:
        azure.raise_failure(left.operation_uri, doing=f"delete deployment {endpoint}/{name}")
