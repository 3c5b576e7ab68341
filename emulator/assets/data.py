"""Data: a name and version for a place in storage. Azure refers to data and does not copy it."""

import re
from pathlib import Path

from emulator.assets import find
from emulator.assets.kinds import Draft, Kind, common, paths_are_fixed
from emulator.assets.versions import Shelf
from emulator.blob import files
from emulator.errors import BadRequest
from emulator.state import Emulator
from emulator.store import Document

_TYPES = ("uri_file", "uri_folder", "mltable")
_SHORT = re.compile(r"azureml://datastores/(?P<datastore>[^/]+)/paths/(?P<path>.*)", re.I)


def content(azure: Emulator, asset: str, *, workspace: str) -> Path:
    """The file or folder that a data version refers to."""
    version = find.version(azure, asset, kind="data", workspace=workspace)
    return files.resolve(azure, workspace=workspace, uri=version["properties"]["dataUri"])


async def _accept(shelf: Shelf, draft: Draft) -> tuple[Document, Document]:
    sent = draft.sent
    uri, kind = sent.get("dataUri"), sent.get("dataType")
    if not uri:
        raise BadRequest("The dataUri is required.", code="ValidationError")
    if kind not in _TYPES:
        raise BadRequest(
            f"The data type '{kind}' is unknown. It must be one of {', '.join(_TYPES)}.", code="ValidationError"
        )
    kept = uri
    if short := _SHORT.fullmatch(uri):
        kept = files.datastore_uri(shelf.owner, datastore=short["datastore"], path=short["path"])
    properties = {**common(sent), "dataUri": kept, "dataType": kind}
    if kind == "mltable":
        properties["referencedUris"] = sent.get("referencedUris") or []
    return properties, {"sent:dataUri": uri}


DATA = Kind(plural="data", identity=("dataUri", "dataType"), accept=_accept, refuse_change=paths_are_fixed)
