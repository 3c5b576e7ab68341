"""Look up a release's content: the model and its digest, the environment's version, the score code's digest."""

from pathlib import Path
from typing import Any, assert_never

from app.azureml.code import uploaded_files
from app.azureml.environments import resolve_environment
from app.azureml.errors import NotFound
from app.azureml.facade import AzureML
from app.azureml.yaml_files import read_mapping
from app.bundles.digest import files_digest
from app.definitions.overrides import shown
from app.planning.content import Content, EnvironmentVersion
from app.planning.sources import EndpointSource, FoundSource, JobSource, ModelSource, ReleaseSource, say_source
from app.preflight.content_of_job import model_of_job
from app.preflight.content_of_model import model_of_release, model_of_version
from app.preflight.content_wanted import ContentWanted, FoundModel
from app.steps.contract import Context, Refused
from app.steps.missing import require_there
from app.steps.signatures import require_signed


def resolve_content(azure: AzureML, context: Context, wanted: ContentWanted) -> Content:
    """Look, download, digest; nothing in Azure is changed. Raises Refused when there is nothing that could be released."""
    try:
        return _resolve(azure, context, wanted)
    except NotFound as missing:
        registry = wanted.source.version.registry if isinstance(wanted.source, ModelSource) else None
        require_there(azure, wanted.workspace, registry, missing=missing)
        raise


def _resolve(azure: AzureML, context: Context, wanted: ContentWanted) -> Content:
    model = _model(azure, context, wanted)
    return Content(
        source=wanted.source,
        model_uri=model.uri,
        model_digest=model.files.digest,
        model_files=model.files.files,
        model_bytes=model.files.size,
        registered=model.registered,
        environment=_environment(azure, wanted, model),
        code_digest=_code_digest(context.bundle, wanted.deployment),
        deployment=_shown(context.bundle, wanted.deployment),
        endpoint=_shown(context.bundle, wanted.endpoint),
        metrics=model.origins.metrics,
        data=model.origins.data,
        signed_by=require_signed(context, model.files.root, wanted.signature),
        git_commit=model.origins.git_commit,
        git_author=model.origins.git_author,
    )


def _model(azure: AzureML, context: Context, wanted: ContentWanted) -> FoundModel:
    match wanted.source:
        case JobSource() as source:
            return model_of_job(azure, context, wanted, source)
        case ModelSource() as source:
            return model_of_version(azure, context, wanted, source)
        case ReleaseSource() as source:
            return model_of_release(azure, context, wanted, source)
        case FoundSource() | EndpointSource():
            raise AssertionError("what is at a target is not looked up")
        case _:
            assert_never(wanted.source)


def _environment(azure: AzureML, wanted: ContentWanted, model: FoundModel) -> EnvironmentVersion:
    workspace, known = wanted.workspace, model.environment
    reference = known.id if known is not None else wanted.environment or model.made_in
    if reference is None:
        raise Refused(
            f"Azure ML does not report the environment in which {say_source(wanted.source)} was made.",
            code="environment_not_found",
            hint="Set it in release.yml: environment: azureml:NAME@latest.",
        )
    try:
        found = resolve_environment(azure, workspace, reference)
    except NotFound:
        raise Refused(
            f"Environment {reference} is not registered{'' if reference.startswith('azureml://') else f' in {workspace}'}.",
            code="environment_not_found",
            hint="Register it (az ml environment create), or name another in release.yml.",
        ) from None
    if known is not None and found.digest != known.digest:
        raise Refused(
            f"Environment {reference} is another one than when {say_source(wanted.source)} was planned.",
            code="environment_changed",
            hint="Find out who changed it. Release the model with an environment that you trust.",
        )
    return EnvironmentVersion(name=found.name, version=found.version, digest=found.digest, id=found.id)


def _shown(bundle: Path, file: str | None) -> dict[str, Any]:
    """What the YAML says of the machines and of how they serve."""
    return {} if file is None else shown(read_mapping(bundle / file))


def _code_digest(bundle: Path, deployment: str | None) -> str | None:
    if deployment is None:
        return None
    spec = read_mapping(bundle / deployment)
    code = (spec.get("code_configuration") or {}).get("code")
    if not code:
        return None
    try:
        return files_digest(uploaded_files((bundle / deployment).parent / code))
    except ValueError as broken:
        raise Refused(
            f"The ignore file of {code} cannot be read: {broken}.",
            code="ignore_file_invalid",
            hint="Correct .amlignore or .gitignore there, and apply the definition again.",
        ) from None
