"""Big blobs arrive as blocks, which a block list then joins."""

import hashlib
from pathlib import Path
from xml.etree import ElementTree

from fastapi import Response

from emulator.blob.request import Target
from emulator.errors import BadRequest


def _folder(target: Target) -> Path:
    name = hashlib.sha256(f"{target.account}/{target.container}/{target.blob}".encode()).hexdigest()
    return target.azure.data / "uploads" / "blocks" / name


def _file(target: Target, block: str) -> Path:
    return _folder(target) / hashlib.sha256(block.encode()).hexdigest()


def keep(target: Target, half: Path) -> Response:
    """Remember a received block until the list comes."""
    block = target.request.query_params.get("blockid", "")
    if not block:
        raise BadRequest("blockid is required.", code="InvalidQueryParameterValue")
    _folder(target).mkdir(parents=True, exist_ok=True)
    half.replace(_file(target, block))
    return Response(status_code=201, headers={"x-ms-request-server-encrypted": "true"})


def join(target: Target, listed: bytes, half: Path) -> None:
    """Write the blob that a block list makes to a file; the blocks are gone afterwards."""
    if b"<!" in listed:  # no document type, no entities
        raise BadRequest("The block list is not well formed.", code="InvalidXmlDocument")
    try:
        names = [element.text or "" for element in ElementTree.fromstring(listed)]  # noqa: S314 - entities are refused above
    except ElementTree.ParseError:
        raise BadRequest("The block list is not well formed.", code="InvalidXmlDocument") from None
    missing = [name for name in names if not _file(target, name).is_file()]
    if missing:
        raise BadRequest("The specified block list is invalid.", code="InvalidBlockList")
    with half.open("wb") as joined:
        for name in names:
            with _file(target, name).open("rb") as block:
                while chunk := block.read(1 << 20):
                    joined.write(chunk)
    for name in set(names):
        _file(target, name).unlink(missing_ok=True)
