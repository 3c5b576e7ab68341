"""Move all of the endpoint's traffic to the verified deployment."""

from collections.abc import Sequence

from app.azureml.deployments import list_deployments
from app.azureml.endpoints import begin_set_traffic
from app.azureml.errors import OperationEnded
from app.azureml.facade import AzureML
from app.azureml.types import Deployment, Endpoint
from app.planning.kinds import ShiftTraffic
from app.planning.tags import SERVED_TAG
from app.steps.contract import Context, Done, Refused
from app.steps.observing import observed_traffic
from app.steps.served import served_after
from app.steps.settled import require_endpoint
from app.steps.shares import serves_alone, shown_shares
from app.steps.waiting import begin_when_free, wait_until


def shift_traffic(azure: AzureML, context: Context, wanted: ShiftTraffic) -> Done:
    """Converge to 100% on the deployment, and remember on the endpoint what served before.

    Mirror traffic of others stays. Azure refuses it at a deployment that gets live traffic, and at one that cannot answer:
    there it is taken away, whoever set it.
    """
    before = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    # An update that failed shows the shares that it was asked for, and has not set them.
    if before.state == "succeeded" and serves_alone(before, wanted.deployment):
        return _done(before, before, wanted, there=(), changed=False)
    there = _require_ready(azure, context, wanted)
    able = {each.name.lower() for each in there if each.can_answer}
    begin_when_free(
        lambda: begin_set_traffic(
            azure,
            wanted.workspace,
            wanted.endpoint,
            {wanted.deployment: 100},
            tags={SERVED_TAG: served_after(before, wanted.deployment)},
            mirrors=able - {wanted.deployment},
        ),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {wanted.endpoint}, which is being changed",
    )
    after = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    if after.state != "succeeded":
        azure.raise_failure(after.operation_uri, doing=f"set the traffic of {wanted.endpoint}")
    if not serves_alone(after, wanted.deployment):
        raise OperationEnded(
            f"Azure reports that the traffic of {wanted.endpoint} is set, but {shown_shares(after)}.", retryable=True
        )
    return _done(before, after, wanted, there=there, changed=True)


def _require_ready(azure: AzureML, context: Context, wanted: ShiftTraffic) -> list[Deployment]:
    """The deployments that are there. Raises Refused when this release's is not one of them, or cannot answer."""
    found = wait_until(
        lambda seen: wanted.deployment not in seen or seen[wanted.deployment].is_settled,
        lambda: {each.name.lower(): each for each in list_deployments(azure, wanted.workspace, wanted.endpoint)},
        azure=azure,
        context=context,
        waiting_for=f"deployment {wanted.deployment} of {wanted.endpoint}",
    )
    deployment = found.get(wanted.deployment)
    if deployment is None or deployment.state != "succeeded":
        state = "not there" if deployment is None else deployment.state
        raise Refused(
            f"Deployment {wanted.deployment} of {wanted.endpoint} is {state}, so it gets no traffic.",
            code="deployment_not_ready",
            hint="Somebody deleted or changed it after it was created. Request a new release.",
        )
    return list(found.values())


def _done(
    before: Endpoint, after: Endpoint, wanted: ShiftTraffic, *, there: Sequence[Deployment], changed: bool
) -> Done:
    ended = {
        name: share for name, share in before.mirror_traffic.items() if share and not after.mirror_traffic.get(name)
    }
    mirror = "".join(f" The {share}% of mirror traffic of {name} was removed." for name, share in ended.items())
    return Done(
        f"{wanted.deployment} {'has' if changed else 'already has'} all traffic of {wanted.endpoint}.{mirror}",
        output={
            "before": dict(before.traffic),
            "after": dict(after.traffic),
            "mirror_before": dict(before.mirror_traffic),
            "mirror_after": dict(after.mirror_traffic),
        },
        changed=changed,
        observed=observed_traffic(after, there),
    )
