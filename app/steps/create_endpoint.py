"""Create the stage's endpoint, or check that it belongs to the model."""

from app.azureml.deployments import list_deployments
from app.azureml.endpoints import (
    begin_add_tags,
    begin_create_endpoint,
    begin_delete_endpoint,
    get_endpoint,
    read_endpoint_file,
)
from app.azureml.facade import AzureML
from app.azureml.types import Endpoint
from app.documents.json_object import Json
from app.planning.kinds import CreateEndpoint
from app.planning.observed import Observed
from app.planning.tags import MODEL_TAG
from app.steps.contract import Context, Done, Refused
from app.steps.definition_files import overrides_of
from app.steps.endpoint_owner import is_ours, require_usable
from app.steps.observing import facts_of_endpoint
from app.steps.settled import settled_endpoint
from app.steps.waiting import begin_when_free, wait_until


def create_endpoint(azure: AzureML, context: Context, wanted: CreateEndpoint) -> Done:
    """Keep an endpoint of ours, take over an empty one that is as wanted, refuse anybody else's."""
    model = wanted.tags[MODEL_TAG]
    found = settled_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    if found is not None and found.state != "succeeded" and is_ours(found, model) and not found.traffic:
        begin_delete_endpoint(azure, wanted.workspace, wanted.endpoint)
        _wait_for_end(azure, context, wanted)
        found = None
    if found is None:
        return _done(_create(azure, context, wanted), changed=True, is_empty=True)
    spec = read_endpoint_file(context.bundle / wanted.file, wanted.endpoint, overrides=_overrides(context, wanted))
    require_usable(found, model, spec, workspace=wanted.workspace, stage=context.stage)
    if is_ours(found, model):
        # A try of this step that was killed may have made it.
        is_empty = not found.traffic and not list_deployments(azure, wanted.workspace, wanted.endpoint)
        return _done(found, changed=False, is_empty=is_empty)
    return _done(_take_over(azure, context, wanted), changed=True)


def _create(azure: AzureML, context: Context, wanted: CreateEndpoint) -> Endpoint:
    context.checkpoint()
    begin_create_endpoint(
        azure,
        wanted.workspace,
        wanted.endpoint,
        file=context.bundle / wanted.file,
        overrides=_overrides(context, wanted),
        tags=wanted.tags,
    )
    return _succeeded(azure, context, wanted, doing=f"create endpoint {wanted.endpoint}")


def _overrides(context: Context, wanted: CreateEndpoint) -> Json:
    return overrides_of(context.bundle, wanted.settings_of, "endpoint_settings")


def _take_over(azure: AzureML, context: Context, wanted: CreateEndpoint) -> Endpoint:
    begin_when_free(
        lambda: begin_add_tags(azure, wanted.workspace, wanted.endpoint, wanted.tags),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {wanted.endpoint}, which is being changed",
    )
    return _succeeded(azure, context, wanted, doing=f"tag endpoint {wanted.endpoint}")


def _succeeded(azure: AzureML, context: Context, wanted: CreateEndpoint, *, doing: str) -> Endpoint:
    made = settled_endpoint(azure, context, wanted.workspace, wanted.endpoint)
    if made is None:
        raise Refused(f"Endpoint {wanted.endpoint} was deleted while it was being created.", code="endpoint_deleted")
    if made.state != "succeeded":
        azure.raise_failure(made.operation_uri, doing=doing)
    return made


def _wait_for_end(azure: AzureML, context: Context, wanted: CreateEndpoint) -> None:
    wait_until(
        lambda seen: seen is None,
        lambda: get_endpoint(azure, wanted.workspace, wanted.endpoint),
        azure=azure,
        context=context,
        waiting_for=f"the end of endpoint {wanted.endpoint}, which had failed",
    )


def _done(endpoint: Endpoint, *, changed: bool, is_empty: bool = False) -> Done:
    nothing: dict[str, int] | None = {} if is_empty else None
    return Done(
        f"Endpoint {endpoint.name} {'was created' if changed else 'exists'}.",
        output={
            "endpoint": endpoint.name,
            "scoring_uri": endpoint.scoring_uri,
            "openapi_uri": endpoint.openapi_uri,
            "location": endpoint.location,
            "auth_mode": endpoint.auth_mode,
        },
        changed=changed,
        observed=Observed(endpoint=facts_of_endpoint(endpoint), is_empty=is_empty, traffic=nothing, mirror=nothing),
    )
