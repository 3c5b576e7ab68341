"""Create the release's deployment beside the serving one, without traffic."""

import structlog

from app.azureml.deployments import (
    WantedDeployment,
    begin_create_deployment,
    read_deployment_file,
    read_logs,
)
from app.azureml.environments import resolve_environment
from app.azureml.errors import AzureMLError, ModelFailed
from app.azureml.facade import AzureML
from app.azureml.types import Deployment
from app.evidence.cleaning import MOST_LINES
from app.evidence.log import DEPLOYMENT_LOG, Log
from app.planning.assets import same_asset
from app.planning.kinds import CreateDeployment
from app.planning.observed import Observed
from app.planning.tags import DIGEST_TAG, RELEASE_TAG
from app.steps.contract import Context, Done, Refused
from app.steps.definition_files import overrides_of
from app.steps.deleting import delete_deployment
from app.steps.deployed_content import deployed_digest
from app.steps.digests import require_digest
from app.steps.observing import facts_of_deployment
from app.steps.settled import settled_deployment
from app.steps.waiting import begin_when_free

log = structlog.get_logger(__name__)


def create_deployment(azure: AzureML, context: Context, config: CreateDeployment) -> Done:
    """Keep what is as wanted, replace what failed, refuse what is different; then check the deployed model's content."""
    wanted = _wanted(context, config)
    found = settled_deployment(azure, context, config.workspace, config.endpoint, config.deployment)
    if found is not None and found.tags.get(RELEASE_TAG) != wanted.tags[RELEASE_TAG]:
        raise Refused(
            f"Endpoint {wanted.endpoint} has a deployment {wanted.name} of another origin.",
            code="not_ours",
            hint="Delete it, or request a new release, which gets another name.",
        )
    changed = found is None or found.state != "succeeded"
    if found is not None and changed:
        delete_deployment(azure, context, config.workspace, config.endpoint, found)
    made = _create(azure, context, config, wanted) if found is None or changed else found
    _require_same(made, wanted)
    content_digest = deployed_digest(
        azure, context, config.workspace, made, wanted=config.digest, signature=config.signature
    )
    _require_environment(azure, config, made)
    facts = facts_of_deployment(made)
    return Done(
        f"Deployment {wanted.name} of {wanted.endpoint} {'was created' if changed else 'exists'}, without traffic."
        if changed
        else f"Deployment {wanted.name} of {wanted.endpoint} exists.",
        output={**facts.as_output, "digest": content_digest},
        changed=changed,
        observed=Observed(deployments=(facts,)),
    )


def _require_environment(azure: AzureML, config: CreateDeployment, made: Deployment) -> None:
    """Raise Refused unless the environment that the deployment refers to is the one that was planned."""
    if config.environment_digest is None:
        return
    found = resolve_environment(azure, config.workspace, str(made.environment))
    require_digest(found.digest, config.environment_digest, where=f"the environment of deployment {made.name}")


def _wanted(context: Context, config: CreateDeployment) -> WantedDeployment:
    brought = context.outputs[config.model_from]
    environment = context.outputs[config.environment_from]["uri"] if config.environment_from else config.environment_id
    return WantedDeployment(
        endpoint=config.endpoint,
        name=config.deployment,
        file=context.bundle / config.file,
        folder=context.bundle,
        model=str(brought.get("uri") or brought["id"]),
        environment=str(environment),
        instance_type=config.instance_type,
        instance_count=config.instance_count,
        tags={**config.tags, DIGEST_TAG: config.digest},
        overrides=overrides_of(context.bundle, config.settings_of, "deployment"),
    )


def _create(azure: AzureML, context: Context, config: CreateDeployment, wanted: WantedDeployment) -> Deployment:
    workspace = config.workspace
    begin_when_free(
        lambda: begin_create_deployment(azure, workspace, wanted),
        azure=azure,
        context=context,
        waiting_for=f"endpoint {wanted.endpoint}, which is being changed",
    )
    made = settled_deployment(azure, context, config.workspace, config.endpoint, config.deployment)
    if made is None:
        raise Refused(f"Deployment {wanted.name} was deleted while it was being created.", code="deployment_deleted")
    if made.state != "succeeded":
        try:
            azure.raise_failure(made.operation_uri, doing=f"create deployment {wanted.endpoint}/{wanted.name}")
        except ModelFailed as failed:
            raise _with_logs(azure, config, failed) from None
    return made


def _with_logs(azure: AzureML, config: CreateDeployment, failed: ModelFailed) -> ModelFailed:
    """The failure, with the last lines of the scoring container's log beside it, where they can be had."""
    try:
        text = read_logs(azure, config.workspace, config.endpoint, config.deployment, lines=MOST_LINES)
    except AzureMLError as unreadable:
        log.warning("deployment_log_not_read", deployment=config.deployment, code=unreadable.code)
        return failed
    failed.log = Log(DEPLOYMENT_LOG, text)
    return failed


def _require_same(found: Deployment, wanted: WantedDeployment) -> None:
    spec = read_deployment_file(wanted)
    pairs = {
        "model": (found.model, spec.model, same_asset(found.model, spec.model)),
        "environment": (
            found.environment,
            spec.environment,
            same_asset(found.environment, spec.environment),
        ),
        "instance_type": (
            found.instance_type,
            spec.instance_type,
            str(found.instance_type).lower() == str(spec.instance_type).lower(),
        ),
        "instance_count": (
            found.instance_count,
            spec.instance_count,
            found.instance_count == (spec.instance_count or 1),
        ),
        "scoring_script": (found.scoring_script, spec.scoring_script, found.scoring_script == spec.scoring_script),
    }
    differences = [f"{name} is {is_}, expected {want}" for name, (is_, want, same) in pairs.items() if not same]
    if differences:
        raise Refused(
            f"Deployment {wanted.name} of {wanted.endpoint} differs from the plan: {'; '.join(differences)}.",
            code="deployment_differs",
            hint="Somebody changed it by hand. Delete it, and retry.",
            differences=differences,
        )
