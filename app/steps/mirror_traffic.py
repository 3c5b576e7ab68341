"""Have copies of requests sent to the verified deployment, whose answers nobody sees."""

from app.azureml.endpoints import begin_set_traffic
from app.azureml.errors import OperationEnded
from app.azureml.facade import AzureML
from app.azureml.types import Endpoint
from app.planning.kinds import MirrorTraffic
from app.steps.as_made import require_as_made
from app.steps.baseline import baseline_of
from app.steps.contract import Context, Done, Refused
from app.steps.observing import observed_traffic, traffic_in_force
from app.steps.settled import require_endpoint
from app.steps.shares import moved_by_others, shown_shares
from app.steps.waiting import begin_when_free


def mirror_traffic(azure: AzureML, context: Context, wanted: MirrorTraffic) -> Done:
    """Converge to the wanted share of copies; the live traffic stays as it is. Raises Refused where others mirror already."""
    baseline = baseline_of(context, wanted.baseline_from)
    before = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    require_as_made(azure, context, wanted)
    copies = {wanted.deployment: wanted.percent}
    if not baseline:
        said = f"Nothing serves at {wanted.endpoint}, so there is nothing to mirror."
        return Done(said, changed=False, observed=traffic_in_force(before))
    if _is_so(before, copies, baseline):
        return _done(before, wanted, changed=False)
    _require_as_found(before, wanted, baseline)
    begin_when_free(
        lambda: begin_set_traffic(azure, wanted.workspace, before, baseline, tags={}, mirrors=(), mirror=copies),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {wanted.endpoint}, which is being changed",
    )
    after = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    if after.state != "succeeded":
        azure.raise_failure(after.operation_uri, doing=f"mirror the traffic of {wanted.endpoint}")
    if not _is_so(after, copies, baseline):
        raise OperationEnded(
            f"Azure reports that the traffic of {wanted.endpoint} is mirrored, but {shown_shares(after)}.",
            retryable=True,
        )
    return _done(after, wanted, changed=True)


def _is_so(endpoint: Endpoint, copies: dict[str, int], baseline: dict[str, int]) -> bool:
    mirrored = {name: share for name, share in endpoint.mirror_traffic.items() if share}
    return endpoint.state == "succeeded" and mirrored == copies and endpoint.live_traffic == baseline


def _require_as_found(endpoint: Endpoint, wanted: MirrorTraffic, baseline: dict[str, int]) -> None:
    others = {name: share for name, share in endpoint.mirror_traffic.items() if share and name != wanted.deployment}
    if others:
        shown = ", ".join(f"{share}% to {name}" for name, share in others.items())
        raise Refused(
            f"Requests of {wanted.endpoint} are mirrored already: {shown}. Azure mirrors to one deployment only.",
            code="mirror_in_use",
            hint="Somebody else compares a deployment there. End that, or choose the strategy `canary`.",
            observed=traffic_in_force(endpoint),
        )
    if endpoint.state == "succeeded" and endpoint.live_traffic != baseline:
        raise moved_by_others(
            endpoint,
            f"The traffic of {wanted.endpoint} is not as this release had found it: {shown_shares(endpoint)}.",
            expected=baseline,
        )


def _done(endpoint: Endpoint, wanted: MirrorTraffic, *, changed: bool) -> Done:
    return Done(
        f"{wanted.percent}% of the requests to {wanted.endpoint} are copied to {wanted.deployment}.",
        output={"traffic": endpoint.live_traffic, "mirror": dict(endpoint.mirror_traffic)},
        changed=changed,
        observed=observed_traffic(endpoint),
    )
