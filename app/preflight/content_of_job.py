"""The model of a training job: its named output."""

from app.azureml.errors import NotFound
from app.azureml.facade import AzureML
from app.azureml.jobs import download_output, downloaded_to, environment_of_output, get_job, list_children
from app.azureml.names import ARTIFACTS, job_output_uri
from app.azureml.places import workspace_exists
from app.azureml.runs import read_run
from app.azureml.types import Content as Files
from app.azureml.types import Job
from app.planning.content import DataInput, Metrics
from app.planning.places import Place
from app.planning.sources import JobSource
from app.preflight.content_wanted import ContentWanted, FoundModel, ModelWanted, Origins, listed, names_in, require_file
from app.steps.contract import Context, Refused
from app.steps.scratch import new_folder

_HOW_TO_NAME_ONE = "Have the training write the model to a named output (`outputs:` in the job's YAML). "
_ARTIFACTS_HINT = (
    "What the job wrote to ./outputs, or logged by MLflow, is in model.output: default, by its model.path: outputs/…."
)


def model_of_job(azure: AzureML, context: Context, wanted: ContentWanted, source: JobSource) -> FoundModel:
    """Raises Refused when the job has not completed, or has no such output."""
    job = _completed(azure, wanted, source)
    context.checkpoint()
    context.report(f"Downloading {wanted.model.output} of {job.name}.")
    files = _content(azure, context, wanted, job)
    return FoundModel(
        uri=job_output_uri(job.name, wanted.model.output, wanted.model.path),
        files=files,
        origins=origins_of(azure, wanted.workspace, job),
        made_in=None
        if wanted.environment
        else environment_of_output(azure, wanted.workspace, job.name, wanted.model.output),
    )


def origins_of(azure: AzureML, workspace: Place, job: Job) -> Origins:
    """What a job says of the model that it made."""
    return Origins(
        metrics=_metrics(azure, workspace, job.name),
        data=tuple(DataInput(name=name, uri=uri) for name, uri in job.inputs.items()),
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
            f"Workspace {workspace.workspace} has no training job {source.job}.",
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
        has = f"it has {listed(list(job.outputs))}" if job.outputs else "it has no named outputs"
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
        there = names_in(downloaded_to(into, model.output))
        raise Refused(
            f"{_output(model, job)} has nothing at {model.path}; it has {listed(there)}."
            if there
            else f"{_output(model, job)} is empty.",
            code="model_file_missing",
            hint="Correct model.path in release.yml, or the training."
            if there
            else "Have the training write the model there.",
        ) from None
    hint = "Correct model.file in release.yml, or the training."
    require_file(model, content, where=_output(model, job), at=_at(model.path), hint=hint)
    return content


def _output(model: ModelWanted, job: Job) -> str:
    return f"The artifacts of {job.name}" if model.output == ARTIFACTS else f"Output {model.output} of {job.name}"


def _at(path: str) -> str:
    return "" if path in {"", "."} else f" at {path}"


def _metrics(azure: AzureML, workspace: Place, job: str) -> Metrics:
    """What the job and its steps logged, which may be nothing; a later step's word goes."""
    metrics: dict[str, float | int | str] = {}
    for run in [job, *(child.name for child in list_children(azure, workspace, job))]:
        try:
            metrics |= read_run(azure, workspace, run).metrics
        except NotFound:
            continue
    return metrics
