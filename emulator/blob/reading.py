"""Reading blobs, whole or in ranges, and deleting them."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from emulator.blob.facts import check_conditions, existing, facts_of, forget, headers_of
from emulator.blob.request import ACCOUNT, REGISTRY_CONTAINER, InvalidRange, open_target
from emulator.errors import BadRequest
from emulator.state import Azure

router = APIRouter()

_CHUNK = 1 << 20


@router.api_route(ACCOUNT + "/{container}/{blob:path}", methods=["GET", "HEAD"])
@router.api_route(REGISTRY_CONTAINER + "/{blob:path}", methods=["GET", "HEAD"])
async def get_blob(azure: Azure, request: Request, container: str, blob: str, account: str | None = None) -> Response:
    target = open_target(azure, request, account=account, container=container, blob=blob, needs="r")
    path = existing(target)
    check_conditions(target, writing=False)
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
    path = existing(target)
    check_conditions(target, writing=False)
    path.unlink()
    forget(target)
    # Folders are only names in storage: an empty one does not exist.
    for above in path.parents:
        if above == target.folder or any(os.scandir(above)):
            break
        above.rmdir()
    return Response(status_code=202, headers={"x-ms-delete-type-permanent": "true"})
