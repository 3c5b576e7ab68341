"""Where a run's outputs are: by Azure's rule ``azureml/<run>/<output>/`` in the default datastore, unless the job says otherwise."""

import re
import shutil
from pathlib import Path

from emulator.blob import files
from emulator.errors import NotFound
from emulator.state import Emulator
from emulator.storage import BLOB_STORE
from emulator.store import Document

_FILES = frozenset({"uri_file"})
_ASSET = re.compile(
    r"azureml://locations/[^/]+/workspaces/[^/]+/(?:data|models)/azureml_([^/]+)_output_([^/]+)/versions/1"
)


def place(workspace: Document, run: str, outputs: Document) -> Document:
    """For outputs as works have them, the record's ``outputs``: name -> {type, uri, assetId}."""
    return {
        name: {
            "type": output["type"],
            "uri": _usual_place(workspace, run, name, output)
            if output["uri"] is None
            else _named_place(output["uri"], run, name),
            "assetId": asset_id(workspace, run, name, kind=output["type"]),
        }
        for name, output in outputs.items()
    }


def asset_id(workspace: Document, run: str, output: str, *, kind: str) -> str:
    """The data plane's id of an output that nobody gave a name."""
    return (
        f"azureml://locations/{workspace['location']}/workspaces/{workspace['workspaceId']}"
        f"/{'models' if kind.endswith('_model') else 'data'}/azureml_{run}_output_{output}/versions/1"
    )


def of_asset_id(azure: Emulator, *, workspace: str, asset: str) -> Document:
    """The output {type, uri, assetId} that such an id names."""
    match = _ASSET.fullmatch(asset)
    run = None if match is None else azure.store.get("workspaces", workspace, "jobs", match[1])
    if match is None or run is None or match[2] not in run["outputs"]:
        raise NotFound(f"Could not find asset with ID: {asset}", code="UserError")
    found: Document = run["outputs"][match[2]]
    return found


def prepare(azure: Emulator, *, workspace: str, output: Document, usual: bool) -> Path:
    """Make the place of an output ready to be written; what an interrupted attempt left in the usual place is removed."""
    path = files.locate(azure, workspace=workspace, uri=output["uri"])
    if usual and path.exists():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (path.parent if output["type"] in _FILES else path).mkdir(parents=True, exist_ok=True)
    return path


def _usual_place(workspace: Document, run: str, name: str, output: Document) -> str:
    end = "" if output["type"] in _FILES else "/"
    return files.datastore_uri(workspace, datastore=BLOB_STORE, path=f"azureml/{run}/{name}{end}")


def _named_place(uri: str, run: str, name: str) -> str:
    return uri.replace("${{name}}", run).replace("${{output_name}}", name).replace("${{default_datastore}}", BLOB_STORE)
