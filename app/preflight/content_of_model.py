"""The model of a registered version, or of an earlier release: it must be what it was when it was registered or released."""

from app.azureml.errors import NotFound
from app.azureml.facade import AzureML
from app.azureml.jobs import download_output, environment_of_output, get_job
from app.azureml.models import download_model, get_model, list_models
from app.azureml.names import parse_job_output, registry_uri
from app.azureml.types import Content as Files
from app.azureml.types import Job, Model, RegistryRef
from app.planning.content import Content, RegisteredModel
from app.planning.places import Place
from app.planning.sources import ModelSource, ReleaseSource
from app.planning.tags import DIGEST_TAG, JOB_TAG
from app.preflight.content_of_job import origins_of
from app.preflight.content_wanted import ContentWanted, FoundModel, Origins, require_file
from app.steps.contract import Context, Refused
from app.steps.digests import newest_with_digest, require_digest
from app.steps.missing import require_there
from app.steps.scratch import new_folder


def model_of_version(azure: AzureML, context: Context, wanted: ContentWanted, source: ModelSource) -> FoundModel:
    """Raises Refused when there is no such version, or it is not what this service registered or shared once."""
    version = source.version
    where = wanted.workspace if version.registry is None else RegistryRef(version.registry)
    model = get_model(azure, where, version.name, version.version)
    if model is None:
        missing = Refused(
            f"There is no model {version.name}:{version.version} in {where}.",
            code="model_not_found",
            hint=f"`az ml model list --name {version.name}` shows its versions.",
        )
        require_there(azure, wanted.workspace, version.registry, missing=missing)
        raise missing
    context.checkpoint()
    registered = _registered(model, registry=version.registry)
    files = _download(azure, context, wanted.workspace, registered, digest=model.tags.get(DIGEST_TAG))
    hint = "Correct model.file in release.yml, or name another version."
    require_file(wanted.model, files, where=f"Model {registered}", hint=hint)
    job = _job_of(azure, wanted.workspace, model)
    return FoundModel(
        uri=registered.id,
        files=files,
        origins=Origins() if job is None else origins_of(azure, wanted.workspace, job),
        made_in=None
        if job is None or wanted.environment
        else environment_of_output(azure, wanted.workspace, job.name, wanted.model.output),
        registered=registered,
    )


def model_of_release(azure: AzureML, context: Context, wanted: ContentWanted, source: ReleaseSource) -> FoundModel:
    """From where it is registered with that content, else from the job's output. Raises Refused where it is not there any more."""
    earlier = wanted.earlier
    assert earlier is not None, "only a release that was planned can be asked for"
    registered = earlier.registered or _registered_since(azure, wanted, earlier)
    if registered is not None:
        files = _download(azure, context, wanted.workspace, registered, digest=earlier.model_digest)
    else:
        files = _output_of(azure, context, wanted, earlier, source)
    return FoundModel(
        uri=earlier.model_uri,
        files=files,
        origins=Origins(earlier.metrics, earlier.data, earlier.git_commit, earlier.git_author),
        registered=registered,
        environment=earlier.environment,
    )


def _registered_since(azure: AzureML, wanted: ContentWanted, earlier: Content) -> RegisteredModel | None:
    """The version that a release registered: the earlier one, or another with the same content."""
    known = newest_with_digest(list_models(azure, wanted.workspace, wanted.model.name), earlier.model_digest)
    return None if known is None else _registered(known, registry=None)


def _registered(model: Model, *, registry: str | None) -> RegisteredModel:
    return RegisteredModel(
        name=model.name,
        version=model.version,
        id=model.id if registry is None else registry_uri(RegistryRef(registry), "models", model.name, model.version),
        registry=registry,
    )


def _download(
    azure: AzureML, context: Context, workspace: Place, model: RegisteredModel, *, digest: str | None
) -> Files:
    """``digest``: what it must have, where that is known."""
    where = workspace if model.registry is None else RegistryRef(model.registry)
    context.report(f"Downloading model {model}.")
    try:
        files = download_model(azure, where, model.name, model.version, into=new_folder(context))
    except NotFound:
        raise Refused(
            f"Model {model} in {where} no longer exists, or has no files.",
            code="model_not_found",
            hint="Name another version, or release the training job again.",
        ) from None
    if digest is not None:
        require_digest(files.digest, digest, where=f"model {model} in {where}")
    return files


def _output_of(
    azure: AzureML, context: Context, wanted: ContentWanted, earlier: Content, source: ReleaseSource
) -> Files:
    output = parse_job_output(earlier.model_uri)
    assert output is not None, "what is not registered is a job's output"
    context.report(f"Downloading {output.output} of {output.job}.")
    try:
        files = download_output(
            azure, wanted.workspace, output.job, output=output.output, path=output.path, into=new_folder(context)
        )
    except NotFound:
        raise Refused(
            f"The model of {source.release} is neither registered nor in the output of {output.job} any more.",
            code="model_not_found",
            hint="Release another model.",
        ) from None
    require_digest(files.digest, earlier.model_digest, where=f"the output of {output.job}")
    return files


def _job_of(azure: AzureML, workspace: Place, model: Model) -> Job | None:
    """The training job that it was made by, where Azure or this service noted it, and it is in this workspace."""
    name = model.job or model.tags.get(JOB_TAG)
    if name is None:
        return None
    try:
        return get_job(azure, workspace, name)
    except NotFound:
        return None
