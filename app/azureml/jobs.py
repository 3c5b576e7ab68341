"""Training jobs: look at them, submit them, fetch what they made."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from azure.ai.ml import load_job
from azure.ai.ml.entities import Job as SdkJob
from azure.ai.ml.entities import PipelineJob
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from app.azureml.confined import child_azure, run_confined
from app.azureml.content import content_of
from app.azureml.errors import AlreadyExists, NotFound
from app.azureml.facade import AzureML
from app.azureml.names import ARTIFACTS, parse_asset
from app.azureml.refused_jobs import mistakes_told
from app.azureml.sdk_values import word, words
from app.azureml.types import ChildJob, Content, Job
from app.bundles.local_paths import require_local_paths
from app.planning.places import Place

# NotResponding may go back to any earlier state, and Paused goes on.
FINAL = frozenset({"completed", "failed", "canceled"})

_COMMITS = ("mlflow.source.git.commit", "azureml.git.commit")
# Azure ML records no author: who submits the job may, as a tag or a property.
_AUTHORS = ("mlrelease.git.author", "mlflow.source.git.author", "azureml.git.author")
_OUR_BUNDLE = "mlrelease.bundle"


def get_job(azure: AzureML, workspace: Place, name: str) -> Job:
    """The job as it is now. Raises NotFound."""
    with azure.connect(workspace, doing=f"read job {name} in {workspace}") as client:
        return _plain(client.jobs.get(name), name)


def list_children(azure: AzureML, workspace: Place, name: str) -> list[ChildJob]:
    """A pipeline job's steps, in the order in which they began; of other jobs none."""
    with azure.connect(workspace, doing=f"list the steps of job {name} in {workspace}") as client:
        children = [child for child in client.jobs.list(parent_job_name=name) if child is not None]
    children.sort(key=lambda child: str(getattr(child.creation_context, "created_at", None) or ""))
    return [
        ChildJob(name=str(child.name), display_name=str(child.display_name or child.name), status=word(child.status))
        for child in children
    ]


def submit_job(
    azure: AzureML,
    workspace: Place,
    name: str,
    *,
    folder: Path,
    entry: str,
    bundle_digest: str,
    tags: Mapping[str, str],
    git_commit: str | None = None,
) -> Job:
    """Submit ``folder/entry`` under a name of ours; one that was submitted so before is attached to. Raises AlreadyExists."""
    known = _find(azure, workspace, name)
    if known is not None:
        if known.tags.get(_OUR_BUNDLE) != bundle_digest:
            raise AlreadyExists(f"{workspace} already has another job {name}.", hint="Choose another name.")
        return known
    doing = f"submit {entry} as job {name} to {workspace}"
    arguments = {
        "workspace": workspace,
        "name": name,
        "folder": folder,
        "entry": entry,
        "tags": {**tags, _OUR_BUNDLE: bundle_digest},
        "git_commit": git_commit,
        "doing": doing,
    }
    told = run_confined(azure, f"{__name__}:submit_in_child", arguments, folder=folder, doing=doing)
    return TypeAdapter(Job).validate_python(told)


def submit_in_child(
    workspace: Place,
    name: str,
    folder: Path,
    entry: str,
    tags: Mapping[str, str],
    git_commit: str | None,
    doing: str,
    settings: Mapping[str, Any],
) -> Any:
    """What ``submit_job`` has done in a child process; the job as JSON."""
    require_local_paths(folder, [entry])
    with (
        child_azure(settings).connect(workspace, doing=doing) as client,
        mistakes_told(folder, entry, doing=doing),
    ):
        job: SdkJob = load_job(folder / entry)
        job.name = name
        job.tags = {**(job.tags or {}), **tags}
        # Without a git property of its own the SDK would record the repository that this process happens to run in.
        job.properties = {**(job.properties or {}), _COMMITS[0]: git_commit or ""}
        return to_jsonable_python(_plain(client.jobs.create_or_update(job), name))


def download_output(azure: AzureML, workspace: Place, name: str, *, output: str, path: str, into: Path) -> Content:
    """Fetch a named output of an ended job and give what is at ``path`` in it. Raises NotFound."""
    with azure.connect(workspace, doing=f"download output {output} of job {name}") as client:
        client.jobs.download(name, output_name=output, download_path=str(into))
    root = downloaded_to(into, output)
    inside = root if path.strip("/") in {"", "."} else root / path.strip("/")
    return content_of(inside, asked_for=f"{path} in output {output} of job {name}")


def downloaded_to(into: Path, output: str) -> Path:
    """Where ``download_output`` has put the whole of an output."""
    return into / "artifacts" if output == ARTIFACTS else into / "named-outputs" / output


def environment_of_output(azure: AzureML, workspace: Place, name: str, output: str) -> str | None:
    """The id of the environment in which a job's output was made; None where Azure does not tell."""
    with azure.connect(workspace, doing=f"look up the environment of job {name}") as client:
        job = client.jobs.get(name)
        if not isinstance(job, PipelineJob):
            return _text(getattr(job, "environment", None))
        bound = f"${{{{parent.outputs.{output}}}}}"
        for step in job.jobs.values():
            outputs: Mapping[str, Any] = getattr(step, "outputs", None) or {}
            if not any(bound in str(_path(each)) for each in outputs.values()):
                continue
            component = parse_asset(_text(getattr(step, "component", None)) or "")
            if component is None:
                return None
            made_by = client.components.get(component.name, version=component.version)
            return _text(getattr(made_by, "environment", None))
    return None


def _find(azure: AzureML, workspace: Place, name: str) -> Job | None:
    try:
        return get_job(azure, workspace, name)
    except NotFound:
        return None


def _plain(job: SdkJob, name: str) -> Job:
    properties, tags = words(job.properties), words(job.tags)
    known = {**properties, **tags}
    status = word(job.status) or "Unknown"
    outputs: Mapping[str, Any] = getattr(job, "outputs", None) or {}
    return Job(
        name=name,
        status=status,
        is_final=status.lower() in FINAL,
        inputs=dict(_inputs(job)),
        outputs={key: str(_path(value) or "") for key, value in outputs.items() if key != ARTIFACTS},
        tags=tags,
        properties=properties,
        git_commit=next((properties[key] for key in _COMMITS if properties.get(key)), None),
        git_author=next((known[key] for key in _AUTHORS if known.get(key)), None),
        studio_url=job.studio_url,
        created_at=getattr(job.creation_context, "created_at", None),
    )


def _inputs(job: SdkJob) -> Iterator[tuple[str, str]]:
    """The URIs of the job's own inputs, then of those that only a step of a pipeline has. Literals and bindings have none.

    An asset has its whole id, which the SDK cuts short for some jobs.
    """
    workspace = str(job.id).rpartition("/jobs/")[0]
    steps = job.jobs.items() if isinstance(job, PipelineJob) else ()
    for prefix, each in [("", job), *((f"{name}.", step) for name, step in steps)]:
        given: Mapping[str, Any] = getattr(each, "inputs", None) or {}
        for name, value in given.items():
            data = getattr(value, "_data", value)
            path = getattr(data, "path", None)
            if not isinstance(path, str) or path.startswith("${{"):
                continue
            asset, kind = parse_asset(path), "models" if str(data.type).endswith("_model") else "data"
            if asset is not None and asset.where is None and asset.version is not None:
                path = f"{workspace}/{kind}/{asset.name}/versions/{asset.version}"
            yield f"{prefix}{name}", f"azureml:{path}" if path.startswith("/") else path


def _path(output: Any) -> Any:
    """Where an output lies, or what it is bound to: the SDK wraps both in several classes."""
    data = getattr(output, "_data", output)
    return data if isinstance(data, str) else getattr(data, "path", None)


def _text(reference: Any) -> str | None:
    return reference if isinstance(reference, str) and reference else None
