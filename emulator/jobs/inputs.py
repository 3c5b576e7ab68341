"""What a run's inputs become on its node: a literal, a URI as it is, or files of its own."""

import shutil
from pathlib import Path

from emulator.assets import data, find, models
from emulator.blob import files
from emulator.errors import AzureError, BadRequest, OperationFailed
from emulator.state import Emulator
from emulator.store import Document

_MODELS = frozenset({"custom_model", "mlflow_model", "triton_model"})


def deliver(azure: Emulator, *, workspace: str, name: str, given: Document, folder: Path) -> str:
    """The text that stands for this input in the command; files are put into ``folder``.

    A read-only mount is a copy here, as a download is: whatever a job does to it, the original stays as it was.
    Raises OperationFailed, in the data runtime's words, for what cannot be read.
    """
    if given["type"] == "literal":
        return str(given["value"])
    match given["mode"] or "ReadOnlyMount":
        case "Direct":
            return str(given["value"])
        case "EvalMount" | "EvalDownload":
            raise OperationFailed(
                "UserError", f"Input '{name}': evaluating an MLTable is not emulated. Use ro_mount or direct."
            )
        case "ReadWriteMount":
            return str(_source(azure, workspace=workspace, name=name, given=given))
        case _:
            source = _source(azure, workspace=workspace, name=name, given=given)
            to = folder / source.name
            folder.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, to)
            else:
                shutil.copyfile(source, to)
            return str(to)


def check(azure: Emulator, *, workspace: str, given: Document) -> None:
    """Raise BadRequest for an asset that is not registered, as Azure does when a job is submitted."""
    if given["type"] == "literal" or not _names_asset(given["value"]):
        return
    kind = "models" if given["type"] in _MODELS else "data"
    find.version(azure, given["value"], kind=kind, workspace=workspace)


def _source(azure: Emulator, *, workspace: str, name: str, given: Document) -> Path:
    uri = given["value"]
    try:
        if not _names_asset(uri):
            return files.resolve(azure, workspace=workspace, uri=uri)
        if given["type"] in _MODELS:
            return models.content(azure, uri, workspace=workspace)
        return data.content(azure, uri, workspace=workspace)
    except BadRequest as refusal:
        raise _unreadable("ScriptExecution.StreamAccess.Validation", name, uri, refusal) from refusal
    except AzureError as refusal:
        raise _unreadable("ScriptExecution.StreamAccess.NotFound", name, uri, refusal) from refusal


def _unreadable(code: str, name: str, uri: str, refusal: AzureError) -> OperationFailed:
    return OperationFailed(
        "UserError",
        f"Error Code: {code}\nError Message: The input '{name}' ({uri}) cannot be read: {refusal.message}",
    )


def _names_asset(uri: str) -> bool:
    """Whether a URI names a registered version rather than a place in storage."""
    lowered = uri.lower()
    if "/datastores/" in lowered or lowered.startswith(
        ("azureml://jobs/", "https://", "http://", "wasbs://", "abfss://", "runs:/")
    ):
        return False
    return lowered.startswith(("azureml:", "/subscriptions/"))
