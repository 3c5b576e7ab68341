"""The way back: the new deployment has no share any more, and what served before has its traffic again."""

from collections.abc import Mapping, Set

from app.azureml.deployments import list_deployments
from app.azureml.endpoints import begin_set_traffic
from app.azureml.errors import OperationEnded
from app.azureml.facade import AzureML
from app.azureml.types import Endpoint
from app.planning.kinds import RestoreTraffic
from app.planning.tags import SERVED_TAG
from app.steps.baseline import baseline_of, shared_with
from app.steps.contract import Context, Done, Refused
from app.steps.observing import observed_traffic, traffic_in_force
from app.steps.served import served_without
from app.steps.settled import require_endpoint
from app.steps.shares import has_traffic, shown_shares
from app.steps.waiting import begin_when_free


def restore_traffic(azure: AzureML, context: Context, wanted: RestoreTraffic) -> Done:
    """Converge to no share, live or mirrored. What others moved meanwhile stays in its proportions.

    Raises Refused where nothing else is left that could have the traffic: then everything stays as it is.
    """
    before = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    # An update that failed shows the shares that it was asked for, and has not set them.
    if before.state == "succeeded" and not has_traffic(before, wanted.deployment):
        return _done(before, before, wanted, changed=False)
    able = {each.name.lower() for each in list_deployments(azure, wanted.workspace, wanted.endpoint) if each.can_answer}
    shares = _shares(before, baseline_of(context, wanted.baseline_from), wanted, able=able)
    begin_when_free(
        lambda: begin_set_traffic(
            azure,
            wanted.workspace,
            before,
            shares,
            tags={SERVED_TAG: served_without(before, wanted.deployment)} if SERVED_TAG in before.tags else {},
            mirrors=able - set(shares) - {wanted.deployment},
        ),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {wanted.endpoint}, which is being changed",
    )
    after = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    if after.state != "succeeded":
        azure.raise_failure(after.operation_uri, doing=f"set the traffic of {wanted.endpoint} back")
    if has_traffic(after, wanted.deployment):
        raise OperationEnded(
            f"Azure reports that the traffic of {wanted.endpoint} is set, but {shown_shares(after)}.", retryable=True
        )
    return _done(before, after, wanted, changed=True)


def _shares(
    endpoint: Endpoint, baseline: Mapping[str, int], wanted: RestoreTraffic, *, able: Set[str]
) -> dict[str, int]:
    """Of the others: as they were found, unless somebody else moved them since then."""
    live = endpoint.live_traffic
    others = {name: share for name, share in live.items() if name != wanted.deployment}
    as_left = shared_with(baseline, wanted.deployment, live.get(wanted.deployment, 0))
    in_force = endpoint.state == "succeeded"
    if (in_force and not live) or not (baseline or others):
        return {wanted.deployment: 0}  # nothing served before, or somebody has stopped what did
    is_ours = not in_force or not others or live == as_left
    for source in (baseline, others) if is_ours else (others, baseline):
        there = {name: share for name, share in source.items() if name in able}
        if there:
            return shared_with(there, wanted.deployment, 0)
    raise Refused(
        f"Of what served at {wanted.endpoint} before, nothing is left that can answer: {shown_shares(endpoint)}.",
        code="baseline_gone",
        hint=f"{wanted.deployment} keeps what it has. Roll back to an earlier release, which makes its deployment anew.",
        traffic=dict(endpoint.traffic),
        observed=traffic_in_force(endpoint),
    )


def _done(before: Endpoint, after: Endpoint, wanted: RestoreTraffic, *, changed: bool) -> Done:
    return Done(
        f"{wanted.deployment} has no traffic of {wanted.endpoint}: {shown_shares(after)}.",
        output={
            "before": dict(before.traffic),
            "after": dict(after.traffic),
            "mirror_before": dict(before.mirror_traffic),
            "mirror_after": dict(after.mirror_traffic),
        },
        changed=changed,
        observed=observed_traffic(after),
    )
