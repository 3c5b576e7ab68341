"""Outputs that a job gives a name: registered as data or as a model when the run completes."""

from emulator.assets.data import DATA
from emulator.assets.kinds import put_version
from emulator.assets.models import MODELS
from emulator.assets.versions import Shelf, next_version
from emulator.state import Emulator
from emulator.store import Document


async def register_outputs(azure: Emulator, workspace: Document, run: Document) -> None:
    """Register every output of a run that has an asset name, once. Raises AzureError when the version is another's."""
    for name, asked in run["work"]["outputs"].items():
        if asked["assetName"] and name in run["outputs"]:
            await _register(azure, workspace, run, name, asked)


async def _register(azure: Emulator, workspace: Document, run: Document, name: str, asked: Document) -> None:
    output = run["outputs"][name]
    if output["type"].endswith("_model"):
        kind, field, kind_field = MODELS, "modelUri", "modelType"
        uri = f"azureml://jobs/{run['name']}/outputs/{name}/paths/"
    else:
        kind, field, kind_field, uri = DATA, "dataUri", "dataType", output["uri"]
    shelf = Shelf(azure, "workspaces", workspace, kind.plural)
    there = shelf.versions(asked["assetName"])
    if any(each["_"].get(f"sent:{field}") == uri for each in there):
        return  # registered already, before the run was interrupted
    version = asked["assetVersion"] or next_version(there)
    properties = {field: uri, kind_field: output["type"], "properties": {"azureml.runId": run["name"]}}
    await put_version(kind, shelf, asked["assetName"], str(version), properties, by=run["systemData"]["createdBy"])
