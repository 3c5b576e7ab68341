"""Take in an endpoint as it is: from then on what is there is on record, and the endpoint belongs to the model."""

from app.azureml.endpoints import begin_add_tags
from app.azureml.facade import AzureML
from app.planning.kinds import AdoptTarget
from app.planning.observed import Observed
from app.planning.places import Target
from app.planning.tags import MODEL_TAG
from app.serving.drift import differences
from app.steps.contract import Context, Done, Refused
from app.steps.read_target import Found, read_target
from app.steps.settled import require_endpoint
from app.steps.waiting import begin_when_free, wait_until


def adopt_target(azure: AzureML, context: Context, wanted: AdoptTarget) -> Done:
    """Tag the endpoint, and keep everything else of it. Raises Refused where it is not as the plan shows it any more."""
    seen = _require_as_planned(_read(azure, context, wanted), wanted)
    assert seen.endpoint is not None, "what is as planned is there"
    is_tagged = seen.endpoint.tags.get(MODEL_TAG) == wanted.model
    if not is_tagged:
        context.checkpoint()
        begin_when_free(
            lambda: begin_add_tags(azure, wanted.workspace, wanted.endpoint, {MODEL_TAG: wanted.model}),
            azure=azure,
            context=context,
            waiting_for=f"endpoint {wanted.endpoint}, which is being changed",
        )
        tagged = require_endpoint(azure, context, wanted.workspace, wanted.endpoint)
        if tagged.state != "succeeded":
            azure.raise_failure(tagged.operation_uri, doing=f"tag endpoint {wanted.endpoint}")
        seen = _require_as_planned(_read(azure, context, wanted), wanted)
    names = [each.name for each in seen.deployments]
    return Done(
        f"{wanted.endpoint} is on record as it is, with {', '.join(names) or 'no deployment'}.",
        output={
            "endpoint": wanted.endpoint,
            "deployments": names,
            "traffic": dict(seen.traffic or {}),
            "mirror_traffic": dict(seen.mirror or {}),
        },
        changed=not is_tagged,
        observed=seen.model_copy(update={"gone": wanted.gone}),
    )


def _read(azure: AzureML, context: Context, wanted: AdoptTarget) -> Found:
    """Once nothing changes it. Raises TimedOut."""
    return wait_until(
        lambda found: found.changing is None,
        lambda: read_target(azure, Target(place=wanted.workspace, endpoint=wanted.endpoint)),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {wanted.endpoint}, which is being changed",
    )


def _require_as_planned(found: Found, wanted: AdoptTarget) -> Observed:
    """An earlier try of this step may have set the tag already."""
    seen, planned = found.observed, wanted.found
    if planned.endpoint is not None and seen.endpoint is not None and seen.endpoint.tags.get(MODEL_TAG) == wanted.model:
        tags = {**planned.endpoint.tags, MODEL_TAG: wanted.model}
        planned = planned.model_copy(update={"endpoint": planned.endpoint.model_copy(update={"tags": tags})})
    changed = differences(planned, seen)
    if changed:
        raise Refused(
            f"{wanted.endpoint} is not as the plan shows it any more: {' '.join(each.sentence for each in changed)}",
            code="target_changed",
            hint="Nothing was adopted. Adopt it again, to see and approve it as it is now.",
            differences=[each.model_dump(mode="json") for each in changed],
        )
    return seen
