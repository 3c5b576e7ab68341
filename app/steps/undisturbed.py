"""Whether a comparison of two deployments still means something: nobody else changed their shares, or what they are."""

from collections.abc import Mapping

from app.azureml.facade import AzureML
from app.azureml.types import Deployment, Endpoint
from app.planning.kinds import Analyse
from app.serving.drift import changes
from app.steps.as_made import deployments_there, require_unchanged
from app.steps.baseline import recorded_baseline, shared_with
from app.steps.contract import Context, Refused
from app.steps.observing import facts_of_deployment
from app.steps.settled import require_endpoint
from app.steps.shares import moved_by_others, shown_shares


def require_undisturbed(azure: AzureML, context: Context, wanted: Analyse, baseline: dict[str, int]) -> Endpoint:
    """Raises Refused where the deployment has another share than it was given, and where it or what serves is not what it was."""
    endpoint = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    live = baseline if wanted.mirrored else shared_with(baseline, wanted.deployment, wanted.share)
    copies = endpoint.mirror_traffic.get(wanted.deployment, 0)
    is_so = endpoint.live_traffic == live and copies == (wanted.share if wanted.mirrored else 0)
    if endpoint.state == "succeeded" and not is_so:
        mirrored = f", and {copies}% are copied to {wanted.deployment}" if copies or wanted.mirrored else ""
        raise moved_by_others(
            endpoint,
            f"The traffic of {wanted.endpoint} is not as this release had left it: {shown_shares(endpoint)}{mirrored}.",
            expected=live,
        )
    there = deployments_there(azure, wanted)
    require_unchanged(there.get(wanted.deployment), context, wanted)
    _require_same_baseline(there, context, wanted)
    return endpoint


def _require_same_baseline(there: Mapping[str, Deployment], context: Context, wanted: Analyse) -> None:
    """Raises Refused where what it is compared with is not what it was: whatever was measured then says nothing."""
    recorded = recorded_baseline(context, wanted.baseline_from)
    differences = [
        said
        for name, was in recorded.items()
        if name in there
        for said in changes(was, facts_of_deployment(there[name]))
    ]
    if differences:
        raise Refused(
            f"What serves at {wanted.endpoint} was changed while {wanted.deployment} was compared with it. "
            f"{' '.join(differences)}",
            code="baseline_changed",
            hint="The comparison is void. Find out who changed it, and request a new release.",
            differences=differences,
        )
