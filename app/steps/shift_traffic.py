"""Move the endpoint's traffic to the verified deployment: all of it, or a share."""

from collections.abc import Iterable, Mapping

from app.azureml.endpoints import begin_set_traffic
from app.azureml.errors import OperationEnded
from app.azureml.facade import AzureML
from app.azureml.types import Deployment, Endpoint
from app.planning.kinds import ShiftTraffic
from app.planning.tags import SERVED_TAG
from app.steps.as_made import require_as_made
from app.steps.baseline import baseline_of, shared_with
from app.steps.contract import Context, Done
from app.steps.observing import observed_traffic
from app.steps.served import served_after
from app.steps.settled import require_endpoint
from app.steps.shares import moved_by_others, serves_alone, shown_shares
from app.steps.waiting import begin_when_free


def shift_traffic(azure: AzureML, context: Context, wanted: ShiftTraffic) -> Done:
    """Converge to the wanted share, and remember on the endpoint what served before once it is all.

    Mirror traffic of others stays. Azure refuses it at a deployment that gets live traffic, and at one that cannot answer:
    there it is taken away, whoever set it.
    """
    baseline = {} if wanted.baseline_from is None else baseline_of(context, wanted.baseline_from)
    shares = shared_with(baseline, wanted.deployment, wanted.percent)
    before = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    there = require_as_made(azure, context, wanted)
    # An update that failed shows the shares that it was asked for, and has not set them.
    if before.state == "succeeded" and before.live_traffic == shares:
        return _done(before, before, wanted, there=there.values(), changed=False)
    if wanted.baseline_from is not None:
        _require_as_set_before(before, wanted, baseline)
    able = {name for name, each in there.items() if each.can_answer}
    is_all = set(shares) == {wanted.deployment}
    begin_when_free(
        lambda: begin_set_traffic(
            azure,
            wanted.workspace,
            before,
            shares,
            tags={SERVED_TAG: served_after(before, wanted.deployment, baseline)} if is_all else {},
            mirrors=able - set(shares),
        ),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {wanted.endpoint}, which is being changed",
    )
    after = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    if after.state != "succeeded":
        azure.raise_failure(after.operation_uri, doing=f"set the traffic of {wanted.endpoint}")
    if after.live_traffic != shares:
        raise OperationEnded(
            f"Azure reports that the traffic of {wanted.endpoint} is set, but {shown_shares(after)}.", retryable=True
        )
    return _done(before, after, wanted, there=there.values(), changed=True)


def _require_as_set_before(endpoint: Endpoint, wanted: ShiftTraffic, baseline: Mapping[str, int]) -> None:
    """Raises Refused where somebody else moved the traffic since this rollout last did."""
    expected = shared_with(baseline, wanted.deployment, wanted.previous) if wanted.previous else dict(baseline)
    if endpoint.state == "succeeded" and endpoint.live_traffic != expected:
        raise moved_by_others(
            endpoint,
            f"The traffic of {wanted.endpoint} is not as this release had left it: {shown_shares(endpoint)}.",
            expected=expected,
        )


def _done(
    before: Endpoint, after: Endpoint, wanted: ShiftTraffic, *, there: Iterable[Deployment], changed: bool
) -> Done:
    ended = {
        name: share for name, share in before.mirror_traffic.items() if share and not after.mirror_traffic.get(name)
    }
    live = after.live_traffic
    share = "all" if serves_alone(after, wanted.deployment) else f"{live.get(wanted.deployment, 0)}% of the"
    mirror = "".join(f" The {share}% of mirror traffic of {name} was removed." for name, share in ended.items())
    return Done(
        f"{wanted.deployment} {'has' if changed else 'already has'} {share} traffic of {wanted.endpoint}.{mirror}",
        output={
            "before": dict(before.traffic),
            "after": dict(after.traffic),
            "mirror_before": dict(before.mirror_traffic),
            "mirror_after": dict(after.mirror_traffic),
        },
        changed=changed,
        observed=observed_traffic(after, there),
    )
