"""Models: content that is copied from a job's output or an upload when a version is registered."""

import asyncio
import re
import uuid
from pathlib import Path
from typing import Any

from emulator.assets import content as contents
from emulator.assets import find
from emulator.assets.kinds import Draft, Kind, common, paths_are_fixed
from emulator.assets.versions import Shelf
from emulator.blob import files
from emulator.errors import BadRequest
from emulator.state import Emulator
from emulator.storage import BLOB_STORE
from emulator.store import Document

_TYPES = ("custom_model", "mlflow_model", "triton_model")
_JOB = re.compile(r"(?:azureml://(?:subscriptions/.*/)?jobs/|runs:/)(?P<job>[^/]+)", re.I)


def content(azure: Emulator, asset: str, *, workspace: str | None = None) -> Path:
    """Where the content of a model version lies: the file or folder that was registered, under its own name."""
    return contents.kept(azure, find.version(azure, asset, kind="models", workspace=workspace))


def digest(azure: Emulator, asset: str, *, workspace: str | None = None) -> str:
    """The digest of a model version's content, e.g. "sha256:…"."""
    return str(find.version(azure, asset, kind="models", workspace=workspace)["_"]["digest"])


async def _accept(shelf: Shelf, draft: Draft) -> tuple[Document, Document]:
    sent = draft.sent
    uri = sent.get("modelUri")
    if not uri:
        raise BadRequest("The modelUri is required.", code="ValidationError")
    if shelf.owner_kind == "registries":
        return await _accept_in_registry(shelf, sent)
    workspace = shelf.owner["name"]
    source = files.resolve(shelf.azure, workspace=workspace, uri=uri)
    path = f"azureml-models/{draft.name}/{draft.version}/{uuid.uuid4().hex[:8]}/{source.name}"
    root = files.datastore_folder(shelf.azure, workspace=workspace, datastore=BLOB_STORE)
    properties = describe(sent, source)
    facts = await contents.keep(shelf.azure, source, to=root / path)
    job = _JOB.match(uri)
    properties["modelUri"] = files.datastore_uri(shelf.owner, datastore=BLOB_STORE, path=path)
    properties["jobName"] = job["job"] if job else sent.get("jobName")
    if properties["modelType"] == "mlflow_model":
        properties["flavors"] = await asyncio.to_thread(flavors, shelf.azure.data / facts["path"])
    return properties, {**facts, "sent:modelUri": uri}


async def _accept_in_registry(shelf: Shelf, sent: Document) -> tuple[Document, Document]:
    """In a registry the content is where it was uploaded to: a container of its own that nobody else writes to."""
    source = files.resolve(shelf.azure, workspace="", uri=sent["modelUri"])
    properties = describe(sent, source)
    properties |= {"modelUri": sent["modelUri"], "jobName": None, "originAssetId": sent.get("originAssetId")}
    if properties["modelType"] == "mlflow_model":
        properties["flavors"] = await asyncio.to_thread(flavors, source)
    found = await asyncio.to_thread(contents.digest, source)
    return properties, {"path": source.relative_to(shelf.azure.data).as_posix(), "digest": found}


def describe(sent: Document, source: Path) -> Document:
    """The properties of a model, checked against its content."""
    kind = sent.get("modelType") or "custom_model"
    if kind not in _TYPES:
        raise BadRequest(
            f"The model type '{kind}' is unknown. It must be one of {', '.join(_TYPES)}.", code="ValidationError"
        )
    if kind == "mlflow_model" and not (source / "MLmodel").is_file():
        raise BadRequest(f"The folder {source.name} is not an MLflow model: it has no file MLmodel.", code="UserError")
    return {**common(sent), "modelType": kind, "stage": sent.get("stage"), "flavors": {}, "datasets": []}


def flavors(folder: Path) -> dict[str, Any]:
    """What an MLflow model's MLmodel file says of its flavors."""
    # Slow to import: the emulator starts without it.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        read = YAML(typ="safe", pure=True).load((folder / "MLmodel").read_text())
    except (YAMLError, UnicodeDecodeError) as error:
        raise BadRequest(f"The file MLmodel cannot be read: {error}", code="UserError") from None
    listed = read.get("flavors") if isinstance(read, dict) else None
    if not isinstance(listed, dict):
        raise BadRequest("The file MLmodel names no flavors.", code="UserError")
    return {
        str(flavor): {"data": {str(key): str(value) for key, value in (data or {}).items()}}
        for flavor, data in listed.items()
    }


MODELS = Kind(plural="models", identity=("modelUri", "modelType"), accept=_accept, refuse_change=paths_are_fixed)
