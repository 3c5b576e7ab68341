"""Blobs as plain files: ``blobs/<account>/<container>/<path>`` in the data folder, so that jobs can work on them directly."""

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from emulator.errors import BadRequest, NotFound
from emulator.state import Emulator
from emulator.storage import ARTIFACT_STORE, STORAGE_SUFFIX
from emulator.store import Document

# Azure's name for what a run kept itself: its logs and its ./outputs folder.
DEFAULT_OUTPUT = "default"

_LONG = re.compile(
    r"azureml://subscriptions/(?P<subscription>[^/]+)/resourcegroups/(?P<group>[^/]+)"
    r"(?:/providers/Microsoft.MachineLearningServices)?/workspaces/(?P<workspace>[^/]+)/(?P<rest>.*)",
    re.I,
)
_DATASTORE = re.compile(r"(?:azureml://)?datastores/(?P<datastore>[^/]+)/paths(?:/(?P<path>.*))?", re.I)
# With or without the word "paths": Microsoft's own samples write ``azureml://jobs/J/outputs/model/file.pkl``.
_JOB = re.compile(
    r"(?:azureml://)?jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)(?:/paths(?=/|$))?(?:/(?P<path>.*))?", re.I
)
_RUN = re.compile(r"runs:/(?P<job>[^/]+)(?:/(?P<path>.*))?", re.I)


def folder(azure: Emulator, account: str, container: str) -> Path:
    """Where a container's blobs lie; it need not exist yet."""
    return inside(azure.data / "blobs", account, container)


def datastore_folder(azure: Emulator, *, workspace: str, datastore: str) -> Path:
    """Where the blobs of a datastore's container lie."""
    document = azure.store.get("workspaces", workspace, "datastores", datastore)
    if document is None:
        raise NotFound(f"Could not find datastore: {datastore}.", code="UserError")
    properties = document["properties"]
    return folder(azure, properties["accountName"], properties["containerName"])


def run_folder(azure: Emulator, *, workspace: str, job: str) -> Path:
    """Where a job's own artifacts (logs, ``outputs/``) lie."""
    return inside(
        datastore_folder(azure, workspace=workspace, datastore=ARTIFACT_STORE), "ExperimentRun", f"dcid.{job}"
    )


def locate(azure: Emulator, *, workspace: str, uri: str) -> Path:
    """The local path that a URI stands for, whether or not something is there.

    Understands ``azureml://…/datastores/<d>/paths/<p>`` (long and short), ``azureml://jobs/<job>/outputs/<o>/paths/<p>``,
    ``runs:/<job>/<p>`` and ``https://…/<account>.blob.core.windows.net/<container>/<p>``. Raises BadRequest for anything else.
    """
    long = _LONG.fullmatch(uri)
    if long:
        owner = azure.store.get("workspaces", long["workspace"])
        if owner is None or owner["group"].lower() != long["group"].lower():
            raise NotFound(f"The workspace '{long['workspace']}' of {uri} was not found.")
        workspace, rest = owner["name"], long["rest"]
    else:
        rest = uri
    if match := _DATASTORE.fullmatch(rest):
        root = datastore_folder(azure, workspace=workspace, datastore=match["datastore"])
        return inside(root, match["path"] or "")
    if match := _JOB.fullmatch(rest):
        return inside(
            _output_folder(azure, workspace=workspace, job=match["job"], output=match["output"]), match["path"] or ""
        )
    if match := _RUN.fullmatch(rest):
        return inside(run_folder(azure, workspace=workspace, job=match["job"]), match["path"] or "")
    if uri.lower().startswith("https://"):
        return from_address(azure, uri)
    raise BadRequest(
        f"'{uri}' is not a path in a datastore, in a job's output or in blob storage.", code="ValidationError"
    )


def resolve(azure: Emulator, *, workspace: str, uri: str) -> Path:
    """Like ``locate``, and NotFound when neither a file nor a folder is there."""
    path = locate(azure, workspace=workspace, uri=uri)
    if not path.exists():
        raise NotFound(f"No file or folder was found at {uri}.", code="UserError")
    return path


def datastore_uri(workspace: Document, *, datastore: str, path: str) -> str:
    """The long form of a datastore path, as Azure stores it in assets."""
    return (
        f"azureml://subscriptions/{workspace['subscription']}/resourcegroups/{workspace['group']}"
        f"/workspaces/{workspace['name']}/datastores/{datastore}/paths/{path}"
    )


def walk(root: Path) -> Iterator[Path]:
    """All files below a folder (or the file itself), in the order in which storage lists them."""
    if root.is_file():
        yield root
        return
    yield from sorted(
        (path for path in root.rglob("*") if path.is_file()), key=lambda path: path.relative_to(root).as_posix()
    )


def _output_folder(azure: Emulator, *, workspace: str, job: str, output: str) -> Path:
    if output.lower() == "artifacts":  # Azure's name for what the run itself kept
        if azure.store.get("workspaces", workspace, "jobs", job) is None:
            raise NotFound(f"Run {job} was not found.", code="UserError")
        return run_folder(azure, workspace=workspace, job=job)
    return locate(azure, workspace=workspace, uri=output_uri(azure, workspace=workspace, job=job, output=output))


def output_uri(azure: Emulator, *, workspace: str, job: str, output: str) -> str:
    """Where a job says that its output is. Raises NotFound when the job or the output is not there."""
    run = azure.store.get("workspaces", workspace, "jobs", job)
    if run is None:
        raise NotFound(f"Run {job} was not found.", code="UserError")
    if output in run["outputs"]:
        return str(run["outputs"][output]["uri"])
    if output.lower() == DEFAULT_OUTPUT:
        return f"azureml://datastores/{ARTIFACT_STORE}/paths/ExperimentRun/dcid.{run['name']}/"
    known = ", ".join(sorted(run["outputs"])) or "none"
    raise NotFound(f"Job {job} has no output '{output}'. Outputs: {known}.", code="UserError")


def from_address(azure: Emulator, uri: str) -> Path:
    """The local path of an https address in this emulator's storage."""
    first, _, path = unquote(urlsplit(uri).path).strip("/").partition("/")
    if urlsplit(uri).netloc == azure.authority:
        if first.startswith("registry-"):
            container = azure.store.get("registry_containers", first)
            if container is None:
                raise NotFound(f"The container {first} does not exist.", code="UserError")
            return inside(folder(azure, container["account"], first), path)
        if first.endswith(f".blob.{STORAGE_SUFFIX}"):
            account = first.removesuffix(f".blob.{STORAGE_SUFFIX}")
            if azure.store.get("accounts", account) is None:
                raise NotFound(f"Storage account {account} was not found.", code="UserError")
            return inside(azure.data / "blobs" / account, path)
    raise BadRequest(
        f"'{uri}' is not in this emulator's storage: it fetches nothing from elsewhere.", code="ValidationError"
    )


def inside(root: Path, *parts: str) -> Path:
    """Join, and refuse what would lead out of the root."""
    joined = root
    for part in parts:
        for name in part.split("/"):
            if name == ".." or "\0" in name:
                raise BadRequest(f"'{part}' is not a path of a blob.", code="InvalidUri")
            if name not in ("", "."):
                joined = joined / name
    return joined
