"""Look up a release's content: the job's model and its digest, the environment's version, the score code's digest."""

from pathlib import Path
from typing import Any

from app.azureml.code import uploaded_files
from app.azureml.environments import resolve_environment
from app.azureml.errors import NotFound
from app.azureml.facade import AzureML
from app.azureml.jobs import download_output, downloaded_to, environment_of_output, get_job, list_children
from app.azureml.names import ARTIFACTS, job_output_uri
from app.azureml.places import workspace_exists
from app.azureml.runs import read_run
from app.azureml.types import Content as Files
from app.azureml.types import Environment, Job
from app.azureml.yaml_files import read_mapping
from app.bundles.digest import files_digest
from app.definitions.overrides import shown
from app.planning.content import Content, DataInput, EnvironmentVersion, Metrics
from app.planning.frozen import Frozen
from app.planning.kinds import SignatureCheck
from app.planning.places import Place
from app.planning.sources import JobSource, Source, say_source
from app.steps.contract import Context, Refused
from app.steps.missing import require_there
from app.steps.scratch import new_folder
from app.steps.signatures import require_signed

_LISTED = 20  # file names in a sentence
_HOW_TO_NAME_ONE = "Have the training write the model to a named output (`outputs:` in the job's YAML). "
_ARTIFACTS_HINT = (
    "What the job wrote to ./outputs, or logged by MLflow, is in model.output: default, by its model.path: outputs/…."
)


class ModelWanted(Frozen):
    """The definition's words for what is taken of the job."""

    name: str
    output: str
    path: str = "."
    file: str | None = None


class ContentWanted(Frozen):
    """``environment`` None: the one that the model was made in. ``deployment``: the YAML that names the score code."""

    workspace: Place
    source: Source
    model: ModelWanted
    environment: str | None = None
    deployment: str | None = None
    endpoint: str | None = None
    signature: SignatureCheck | None = None


def resolve_content(azure: AzureML, context: Context, wanted: ContentWanted) -> Content:
    """Look, download, digest; nothing in Azure is changed. Raises Refused when there is nothing that could be released."""
    try:
        return _resolve(azure, context, wanted)
    except NotFound as missing:
        require_there(azure, wanted.workspace, missing=missing)
        raise


def _resolve(azure: AzureML, context: Context, wanted: ContentWanted) -> Content:
    assert isinstance(wanted.source, JobSource), "nothing else can be asked for yet"
    job = _completed(azure, wanted, wanted.source)
    context.checkpoint()
    context.report(f"Downloading {wanted.model.output} of {job.name}.")
    files = _content(azure, context, wanted, job)
    signed_by = require_signed(context, files.root, wanted.signature)
    environment = _environment(azure, wanted, job)
    return Content(
        source=JobSource(job=job.name),
        model_uri=job_output_uri(job.name, wanted.model.output, wanted.model.path),
        model_digest=files.digest,
        model_files=files.files,
        model_bytes=files.size,
        environment=EnvironmentVersion(
            name=environment.name, version=environment.version, digest=environment.digest, id=environment.id
        ),
        code_digest=_code_digest(context.bundle, wanted.deployment),
        deployment=_shown(context.bundle, wanted.deployment),
        endpoint=_shown(context.bundle, wanted.endpoint),
        metrics=_metrics(azure, wanted.workspace, job.name),
        data=tuple(DataInput(name=name, uri=uri) for name, uri in job.inputs.items()),
        signed_by=signed_by,
        git_commit=job.git_commit,
        git_author=job.git_author,
    )


def _completed(azure: AzureML, wanted: ContentWanted, source: JobSource) -> Job:
    workspace = wanted.workspace
    try:
        job = get_job(azure, workspace, source.job)
    except NotFound:
        if not workspace_exists(azure, workspace):
            raise
        raise Refused(
            f"{workspace} has no {say_source(source)}.".capitalize(),
            code="job_not_found",
            hint="The job's name is what Azure ML studio shows as its id.",
        ) from None
    if not job.is_final:
        raise Refused(
            f"Training job {job.name} is not finished: it is {job.status}.",
            code="job_not_finished",
            hint="Release it once it has completed.",
        )
    if job.status.lower() != "completed":
        raise Refused(
            f"Training job {job.name} ended {job.status} and has no model to release.",
            code="job_failed",
            hint=f"Its logs: {job.studio_url}" if job.studio_url else None,
        )
    if wanted.model.output not in {*job.outputs, ARTIFACTS}:
        has = f"it has {_listed(list(job.outputs))}" if job.outputs else "it has no named outputs"
        raise Refused(
            f"Training job {job.name} has no output {wanted.model.output}; {has}.",
            code="output_missing",
            hint=f"{'Name one of them in release.yml: model.output. ' if job.outputs else _HOW_TO_NAME_ONE}{_ARTIFACTS_HINT}",
            outputs=sorted(job.outputs),
        )
    return job


def _content(azure: AzureML, context: Context, wanted: ContentWanted, job: Job) -> Files:
    model, into = wanted.model, new_folder(context)
    try:
        content = download_output(azure, wanted.workspace, job.name, output=model.output, path=model.path, into=into)
    except NotFound:
        there = _files(downloaded_to(into, model.output))
        raise Refused(
            f"{_output(model, job)} has nothing at {model.path}; it has {_listed(there)}."
            if there
            else f"{_output(model, job)} is empty.",
            code="model_file_missing",
            hint="Correct model.path in release.yml, or the training."
            if there
            else "Have the training write the model there.",
        ) from None
    names = _files(content.root)
    if model.file is not None and model.file not in names:
        raise Refused(
            f"{_output(model, job)} has no {model.file}{_at(model.path)}; it has {_listed(names)}.",
            code="model_file_missing",
            hint="Correct model.file in release.yml, or the training.",
            files=names[:_LISTED],
        )
    return content


def _output(model: ModelWanted, job: Job) -> str:
    return f"The artifacts of {job.name}" if model.output == ARTIFACTS else f"Output {model.output} of {job.name}"


def _at(path: str) -> str:
    return "" if path in {"", "."} else f" at {path}"


def _environment(azure: AzureML, wanted: ContentWanted, job: Job) -> Environment:
    workspace = wanted.workspace
    reference = wanted.environment or environment_of_output(azure, workspace, job.name, wanted.model.output)
    if reference is None:
        raise Refused(
            f"Azure ML does not report the environment in which {job.name} produced {wanted.model.output}.",
            code="environment_not_found",
            hint="Set it in release.yml: environment: azureml:NAME@latest.",
        )
    try:
        return resolve_environment(azure, workspace, reference)
    except NotFound:
        raise Refused(
            f"Environment {reference} is not registered in {workspace}.",
            code="environment_not_found",
            hint="Register it (az ml environment create), or name another in release.yml.",
        ) from None


def _metrics(azure: AzureML, workspace: Place, job: str) -> Metrics:
    """What the job and its steps logged, which may be nothing; a later step's word goes."""
    metrics: dict[str, float | int | str] = {}
    for run in [job, *(child.name for child in list_children(azure, workspace, job))]:
        try:
            metrics |= read_run(azure, workspace, run).metrics
        except NotFound:
            continue
    return metrics


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


def _files(root: Path) -> list[str]:
    if root.is_file():
        return [root.name]
    if not root.is_dir():
        return []
    return sorted(each.relative_to(root).as_posix() for each in root.rglob("*") if each.is_file())


def _listed(names: list[str]) -> str:
    shown = ", ".join(sorted(names)[:_LISTED])
    return shown + (", …" if len(names) > _LISTED else "")
