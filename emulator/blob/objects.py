"""One blob: write, read, describe, delete."""

import asyncio
import base64
import hashlib
import os
import uuid
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from emulator.blob import blocks, files
from emulator.blob.request import (
    ACCOUNT,
    REGISTRY_CONTAINER,
    ConditionNotMet,
    InvalidRange,
    Target,
    http_date,
    open_target,
)
from emulator.errors import BadRequest, Conflict, NotFound
from emulator.state import Azure
from emulator.store import Document

router = APIRouter()

_CHUNK = 1 << 20


def facts_of(target: Target, blob: str) -> Document:
    """What was said about a blob when it was written over HTTP; empty for files that a job wrote."""
    return target.azure.store.get("blobs", target.account, target.container, _key(blob)) or {}


def _key(blob: str) -> str:
    # Blob names differ by case, documents' paths do not.
    return hashlib.sha256(blob.encode()).hexdigest()


def etag(path: Path, facts: Document) -> str:
    stat = path.stat()
    return f'"0x{stat.st_mtime_ns:X}{stat.st_size:X}{facts.get("revision", 0):X}"'


def headers_of(path: Path, facts: Document) -> dict[str, str]:
    stat = path.stat()
    headers = {
        "ETag": etag(path, facts),
        "Last-Modified": http_date(stat.st_mtime),
        "Content-Type": facts.get("content_type") or "application/octet-stream",
        "Accept-Ranges": "bytes",
        "x-ms-blob-type": "BlockBlob",
        "x-ms-creation-time": http_date(stat.st_ctime),
        "x-ms-lease-state": "available",
        "x-ms-lease-status": "unlocked",
        "x-ms-server-encrypted": "true",
    }
    headers |= {f"x-ms-meta-{name}": value for name, value in (facts.get("metadata") or {}).items()}
    if facts.get("md5") and facts.get("mtime_ns") == stat.st_mtime_ns:
        headers["Content-MD5"] = facts["md5"]
    return headers


def _metadata(request: Request) -> dict[str, str]:
    prefix = "x-ms-meta-"
    return {name[len(prefix) :]: value for name, value in request.headers.items() if name.lower().startswith(prefix)}


def _existing(target: Target) -> Path:
    target.require_container()
    if not (target.is_plain and target.path.is_file()):
        raise NotFound("The specified blob does not exist.", code="BlobNotFound")
    return target.path


def _check_conditions(target: Target, *, writing: bool) -> None:
    wanted = target.request.headers.get("if-match")
    unwanted = target.request.headers.get("if-none-match")
    there = target.is_plain and target.path.is_file()
    current = etag(target.path, facts_of(target, target.blob)) if there else None
    if wanted and (current is None or wanted not in ("*", current)):
        raise ConditionNotMet("The condition specified using HTTP conditional header(s) is not met.")
    if writing and there and unwanted == "*":
        raise Conflict("The specified blob already exists.", code="BlobAlreadyExists")
    if unwanted and unwanted == current:
        raise ConditionNotMet("The condition specified using HTTP conditional header(s) is not met.")


async def receive(target: Target) -> tuple[Path, str]:
    """The request's body in a file beside the blobs, and its MD5 in base64; checked against Content-MD5."""
    folder = target.azure.data / "uploads"
    folder.mkdir(exist_ok=True)
    half = folder / uuid.uuid4().hex
    digest = hashlib.md5(usedforsecurity=False)
    try:
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
    except BaseException:
        half.unlink(missing_ok=True)
        raise
    return half, found


def place(target: Target, half: Path, *, md5: str | None) -> Response:
    """Put received content where the blob is, all at once."""
    _check_conditions(target, writing=True)
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
    target.azure.store.put("blobs", target.account, target.container, _key(target.blob), body=facts)
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
            half, _ = await receive(target)
            return blocks.keep(target, half)
        case "blocklist":
            _check_conditions(target, writing=True)
            half = await asyncio.to_thread(blocks.join, target, await request.body())
            return place(target, half, md5=request.headers.get("x-ms-blob-content-md5"))
        case None if "x-ms-copy-source" in request.headers:
            return await _copy(target)
        case None:
            if request.headers.get("x-ms-blob-type", "BlockBlob") != "BlockBlob":
                raise BadRequest("The emulator has block blobs only.", code="InvalidBlobType")
            _check_conditions(target, writing=True)
            half, md5 = await receive(target)
            return place(target, half, md5=md5)
        case other:
            raise BadRequest(f"The emulator does not know comp={other}.", code="InvalidQueryParameterValue")


def _set_metadata(target: Target) -> Response:
    path = _existing(target)
    facts = facts_of(target, target.blob)
    facts = {
        "path": target.blob,
        **facts,
        "metadata": _metadata(target.request),
        "revision": facts.get("revision", 0) + 1,
    }
    target.azure.store.put("blobs", target.account, target.container, _key(target.blob), body=facts)
    return Response(headers={"ETag": etag(path, facts), "Last-Modified": http_date(path.stat().st_mtime)})


def _set_properties(target: Target) -> Response:
    path = _existing(target)
    facts = facts_of(target, target.blob)
    kind = target.request.headers.get("x-ms-blob-content-type") or facts.get("content_type")
    facts = {"path": target.blob, **facts, "content_type": kind, "revision": facts.get("revision", 0) + 1}
    target.azure.store.put("blobs", target.account, target.container, _key(target.blob), body=facts)
    return Response(headers={"ETag": etag(path, facts), "Last-Modified": http_date(path.stat().st_mtime)})


async def _copy(target: Target) -> Response:
    source = files.from_address(target.azure, target.request.headers["x-ms-copy-source"].partition("?")[0])
    if not source.is_file():
        raise NotFound("The source blob of the copy does not exist.", code="CannotVerifyCopySource")
    folder = target.azure.data / "uploads"
    folder.mkdir(exist_ok=True)
    half = folder / uuid.uuid4().hex
    await asyncio.to_thread(_copy_file, source, half)
    answer = place(target, half, md5=None)
    answer.status_code = 202
    answer.headers["x-ms-copy-id"] = str(uuid.uuid4())
    answer.headers["x-ms-copy-status"] = "success"
    return answer


def _copy_file(source: Path, half: Path) -> None:
    with source.open("rb") as reading, half.open("wb") as writing:
        while chunk := reading.read(_CHUNK):
            writing.write(chunk)


@router.api_route(ACCOUNT + "/{container}/{blob:path}", methods=["GET", "HEAD"])
@router.api_route(REGISTRY_CONTAINER + "/{blob:path}", methods=["GET", "HEAD"])
async def get_blob(azure: Azure, request: Request, container: str, blob: str, account: str | None = None) -> Response:
    target = open_target(azure, request, account=account, container=container, blob=blob, needs="r")
    path = _existing(target)
    _check_conditions(target, writing=False)
    facts = facts_of(target, blob)
    headers = headers_of(path, facts)
    size = path.stat().st_size
    if request.method == "HEAD" or request.query_params.get("comp") == "metadata":
        return (
            Response(headers={**headers, "Content-Length": str(size)})
            if request.method == "HEAD"
            else Response(headers=headers)
        )
    wanted = request.headers.get("x-ms-range") or request.headers.get("range")
    first, last = _range(wanted, size=size) if wanted else (0, size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if wanted:
        headers["Content-Range"] = f"bytes {first}-{last}/{size}"
        if "Content-MD5" in headers:
            headers["x-ms-blob-content-md5"] = headers.pop("Content-MD5")
    return StreamingResponse(_read(path, first, last), status_code=206 if wanted else 200, headers=headers)


def _range(text: str, *, size: int) -> tuple[int, int]:
    unit, _, span = text.partition("=")
    start, _, end = span.partition("-")
    if unit != "bytes" or not start.isdigit() or not (end.isdigit() or not end):
        raise BadRequest(f"The range '{text}' is not understood.", code="InvalidHeaderValue")
    if int(start) >= size:
        raise InvalidRange("The range specified is invalid for the current size of the resource.")
    return int(start), min(int(end) if end else size - 1, size - 1)


async def _read(path: Path, first: int, last: int) -> AsyncIterator[bytes]:
    with path.open("rb") as opened:
        opened.seek(first)
        left = last - first + 1
        while left > 0:
            chunk = await asyncio.to_thread(opened.read, min(_CHUNK, left))
            if not chunk:
                return
            left -= len(chunk)
            yield chunk


@router.delete(ACCOUNT + "/{container}/{blob:path}")
@router.delete(REGISTRY_CONTAINER + "/{blob:path}")
async def delete_blob(
    azure: Azure, request: Request, container: str, blob: str, account: str | None = None
) -> Response:
    target = open_target(azure, request, account=account, container=container, blob=blob, needs="d")
    path = _existing(target)
    _check_conditions(target, writing=False)
    path.unlink()
    azure.store.delete("blobs", target.account, target.container, _key(blob))
    # Folders are only names in storage: an empty one does not exist.
    for above in path.parents:
        if above == target.folder or any(os.scandir(above)):
            break
        above.rmdir()
    return Response(status_code=202, headers={"x-ms-delete-type-permanent": "true"})


def metadata_of(target: Target, blob: str) -> dict[str, Any]:
    return facts_of(target, blob).get("metadata") or {}
