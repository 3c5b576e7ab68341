"""Give the proven deployment all of the endpoint's traffic."""

from app.azureml.deployments import get_deployment
from app.azureml.endpoints import begin_set_traffic, get_endpoint
from app.azureml.errors import OperationEnded
from app.azureml.facade import AzureML
from app.azureml.types import Endpoint
from app.steps.config import StepConfig, WorkspaceConfig, read_config
from app.steps.contract import Context, Done, Json, Refused
from app.steps.former import FORMER_TAG, former_after
from app.steps.waiting import begin_when_free, wait_until


class ShiftTraffic(StepConfig):
    """Which deployment shall serve."""

    workspace: WorkspaceConfig
    endpoint: str
    deployment: str


def shift_traffic(azure: AzureML, context: Context, config: Json) -> Done:
    """Converge to 100% on the deployment, and remember on the endpoint what served before."""
    wanted = read_config(ShiftTraffic, config)
    before = _settled(azure, context, wanted)
    # An update that failed shows the shares that it was asked for, and has not set them.
    if before.state == "succeeded" and _serves_alone(before, wanted.deployment):
        return _done(before, before, wanted, changed=False)
    _require_ready(azure, wanted)
    begin_when_free(
        lambda: begin_set_traffic(
            azure,
            wanted.workspace.ref,
            wanted.endpoint,
            {wanted.deployment: 100},
            tags={FORMER_TAG: former_after(before, wanted.deployment)},
        ),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {wanted.endpoint}, which is being changed",
    )
    after = _settled(azure, context, wanted)
    if after.state != "succeeded":
        azure.raise_failure(after.operation_uri, doing=f"set the traffic of {wanted.endpoint}")
    if not _serves_alone(after, wanted.deployment):
        raise OperationEnded(
            f"Azure says that the traffic of {wanted.endpoint} is set, and shows {dict(after.traffic)}.", retryable=True
        )
    return _done(before, after, wanted, changed=True)


def _require_ready(azure: AzureML, wanted: ShiftTraffic) -> None:
    deployment = get_deployment(azure, wanted.workspace.ref, wanted.endpoint, wanted.deployment)
    if deployment is None or deployment.state != "succeeded":
        state = "not there" if deployment is None else deployment.state
        raise Refused(
            f"Deployment {wanted.deployment} of {wanted.endpoint} is {state}: it gets no traffic.",
            code="deployment_not_ready",
        )


def _settled(azure: AzureML, context: Context, wanted: ShiftTraffic) -> Endpoint:
    seen = wait_until(
        lambda endpoint: endpoint is None or endpoint.is_settled,
        lambda: get_endpoint(azure, wanted.workspace.ref, wanted.endpoint),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {wanted.endpoint}",
    )
    if seen is None:
        raise Refused(f"There is no endpoint {wanted.endpoint} any more.", code="endpoint_not_found")
    return seen


def _serves_alone(endpoint: Endpoint, deployment: str) -> bool:
    return {name: share for name, share in endpoint.traffic.items() if share} == {deployment: 100}


def _done(before: Endpoint, after: Endpoint, wanted: ShiftTraffic, *, changed: bool) -> Done:
    return Done(
        f"{wanted.deployment} {'has' if changed else 'already has'} all of the traffic of {wanted.endpoint}.",
        output={"before": dict(before.traffic), "after": dict(after.traffic)},
        changed=changed,
    )
