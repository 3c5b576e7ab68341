"""Writing blobs: at once, in blocks, as copies; and what is said of them."""

import asyncio
import base64
import hashlib
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi import APIRouter, Request, Response

from emulator.blob import blocks, files
from emulator.blob.facts import check_conditions, etag, existing, facts_of, write
from emulator.blob.request import ACCOUNT, REGISTRY_CONTAINER, Target, http_date, open_target
from emulator.errors import BadRequest, Conflict, NotFound
from emulator.state import Azure

router = APIRouter()


def _metadata(request: Request) -> dict[str, str]:
    prefix = "x-ms-meta-"
    return {name[len(prefix) :]: value for name, value in request.headers.items() if name.lower().startswith(prefix)}


@contextmanager
def half_written(target: Target) -> Iterator[Path]:
    """A file beside the blobs to write to; gone afterwards unless it was put in its place."""
    folder = target.azure.data / "uploads"
    folder.mkdir(exist_ok=True)
    half = folder / uuid.uuid4().hex
    try:
        yield half
    finally:
        half.unlink(missing_ok=True)


async def receive(target: Target, half: Path) -> str:
    """Write the request's body; its MD5 in base64, checked against Content-MD5."""
    digest = hashlib.md5(usedforsecurity=False)
    with half.open("wb") as opened:
        async for chunk in target.request.stream():
            digest.update(chunk)
            opened.write(chunk)
    found = base64.b64encode(digest.digest()).decode()
    told = target.request.headers.get("content-md5")
    if told and told != found:
        raise BadRequest(
            "The MD5 value specified in the request did not match with the MD5 value calculated by the server.",
            code="Md5Mismatch",
        )
    return found


def place(target: Target, half: Path, *, md5: str | None) -> Response:
    """Put received content where the blob is, all at once."""
    check_conditions(target, writing=True)
    _make_parent(target)
    half.replace(target.path)
    facts = {
        "path": target.blob,
        "metadata": _metadata(target.request),
        "content_type": target.request.headers.get("x-ms-blob-content-type")
        or target.request.headers.get("content-type"),
        "md5": md5,
        "mtime_ns": target.path.stat().st_mtime_ns,
        "revision": 0,
    }
    write(target, facts)
    headers = {"ETag": etag(target.path, facts), "Last-Modified": http_date(target.path.stat().st_mtime)}
    headers["x-ms-request-server-encrypted"] = "true"
    if md5:
        headers["Content-MD5"] = md5
    return Response(status_code=201, headers=headers)


def _make_parent(target: Target) -> None:
    if not target.is_plain:
        raise BadRequest(f"The emulator keeps blobs as files: '{target.blob}' cannot be one.", code="InvalidUri")
    above = target.path.parent
    blocked = next((each for each in (target.path, *above.parents) if each.is_file() and each != target.path), None)
    if above.is_file() or blocked or target.path.is_dir():
        # Azure allows it; a file system does not, and jobs work on these files.
        raise Conflict(
            f"The emulator cannot keep a blob and others below its name: {target.blob}.", code="BlobNameConflict"
        )
    above.mkdir(parents=True, exist_ok=True)


@router.put(ACCOUNT + "/{container}/{blob:path}")
@router.put(REGISTRY_CONTAINER + "/{blob:path}")
async def put_blob(azure: Azure, request: Request, container: str, blob: str, account: str | None = None) -> Response:
    target = open_target(azure, request, account=account, container=container, blob=blob, needs="c")
    target.require_container()
    match request.query_params.get("comp"):
        case "metadata":
            return _set_metadata(target)
        case "properties":
            return _set_properties(target)
        case "block":
            with half_written(target) as half:
                await receive(target, half)
                return blocks.keep(target, half)
        case "blocklist":
            check_conditions(target, writing=True)
            listed = await request.body()
            with half_written(target) as half:
                await asyncio.to_thread(blocks.join, target, listed, half)
                return place(target, half, md5=request.headers.get("x-ms-blob-content-md5"))
        case None if "x-ms-copy-source" in request.headers:
            return await _copy(target)
        case None:
            if request.headers.get("x-ms-blob-type", "BlockBlob") != "BlockBlob":
                raise BadRequest("The emulator has block blobs only.", code="InvalidBlobType")
            check_conditions(target, writing=True)
            with half_written(target) as half:
                return place(target, half, md5=await receive(target, half))
        case other:
            raise BadRequest(f"The emulator does not know comp={other}.", code="InvalidQueryParameterValue")


def _set_metadata(target: Target) -> Response:
    path = existing(target)
    facts = facts_of(target, target.blob)
    facts = {
        "path": target.blob,
        **facts,
        "metadata": _metadata(target.request),
        "revision": facts.get("revision", 0) + 1,
    }
    write(target, facts)
    return Response(headers={"ETag": etag(path, facts), "Last-Modified": http_date(path.stat().st_mtime)})


def _set_properties(target: Target) -> Response:
    path = existing(target)
    facts = facts_of(target, target.blob)
    kind = target.request.headers.get("x-ms-blob-content-type") or facts.get("content_type")
    facts = {"path": target.blob, **facts, "content_type": kind, "revision": facts.get("revision", 0) + 1}
    write(target, facts)
    return Response(headers={"ETag": etag(path, facts), "Last-Modified": http_date(path.stat().st_mtime)})


async def _copy(target: Target) -> Response:
    source = files.from_address(target.azure, target.request.headers["x-ms-copy-source"].partition("?")[0])
    # What the caller showed is a right to this account, and to no other.
    if not source.is_relative_to(target.folder.parent) or not source.is_file():
        raise NotFound("The source of the copy does not exist in this account.", code="CannotVerifyCopySource")
    with half_written(target) as half:
        await asyncio.to_thread(shutil.copyfile, source, half)
        answer = place(target, half, md5=None)
    answer.status_code = 202
    answer.headers["x-ms-copy-id"] = str(uuid.uuid4())
    answer.headers["x-ms-copy-status"] = "success"
    return answer
