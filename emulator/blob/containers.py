"""Containers: make, describe, list what is in them."""

import shutil
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

from fastapi import APIRouter, Request, Response

from emulator.blob import files
from emulator.blob.facts import etag, facts_of
from emulator.blob.request import ACCOUNT, REGISTRY_CONTAINER, Target, http_date, open_target
from emulator.errors import BadRequest, Conflict
from emulator.state import Azure
from emulator.storage import create_container

router = APIRouter()

_PAGE = 5000


@router.put(ACCOUNT + "/{container}")
async def put_container(azure: Azure, request: Request, account: str, container: str) -> Response:
    target = open_target(azure, request, account=account, container=container, blob="", needs="c")
    if target.folder.is_dir():
        raise Conflict("The specified container already exists.", code="ContainerAlreadyExists")
    create_container(azure, account, container)
    return Response(status_code=201, headers=_headers(target))


@router.delete(ACCOUNT + "/{container}")
async def delete_container(azure: Azure, request: Request, account: str, container: str) -> Response:
    target = open_target(azure, request, account=account, container=container, blob="", needs="d")
    target.require_container()
    shutil.rmtree(target.folder)
    azure.store.delete("blobs", account, container)
    return Response(status_code=202)


@router.api_route(ACCOUNT + "/{container}", methods=["GET", "HEAD"])
@router.api_route(REGISTRY_CONTAINER, methods=["GET", "HEAD"])
async def get_container(azure: Azure, request: Request, container: str, account: str | None = None) -> Response:
    """Describe the container, or list its blobs (``comp=list``)."""
    listing = request.query_params.get("comp") == "list"
    target = open_target(azure, request, account=account, container=container, blob="", needs="l" if listing else "r")
    target.require_container()
    if not listing:
        return Response(headers=_headers(target))
    return Response(_list(target), media_type="application/xml")


def _headers(target: Target) -> dict[str, str]:
    stat = target.folder.stat()
    return {"ETag": f'"0x{stat.st_ino:X}"', "Last-Modified": http_date(stat.st_ctime), "x-ms-lease-state": "available"}


def _list(target: Target) -> str:
    query = target.request.query_params
    prefix, delimiter, marker = query.get("prefix", ""), query.get("delimiter", ""), query.get("marker", "")
    top = int(query.get("maxresults") or _PAGE)
    if not 1 <= top <= _PAGE:
        raise BadRequest("maxresults must be between 1 and 5000.", code="OutOfRangeQueryParameterValue")
    with_metadata = "metadata" in query.get("include", "")
    entries: list[str] = []
    seen: set[str] = set()
    following = ""
    for path in _below(target.folder, prefix):
        name = path.relative_to(target.folder).as_posix()
        if not name.startswith(prefix):
            continue
        shown = name
        if delimiter and delimiter in name[len(prefix) :]:
            shown = prefix + name[len(prefix) :].split(delimiter, 1)[0] + delimiter
        if shown in seen or (marker and shown < marker):
            continue
        if len(entries) == top:
            following = shown
            break
        seen.add(shown)
        if shown != name:
            entries.append(f"<BlobPrefix><Name>{escape(shown)}</Name></BlobPrefix>")
        else:
            entries.append(_entry(target, path, name, with_metadata=with_metadata))
    address = quoteattr(f"{target.azure.base_url}/")
    return (
        f'<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint={address} '
        f"ContainerName={quoteattr(target.container)}><Prefix>{escape(prefix)}</Prefix><Marker>{escape(marker)}</Marker>"
        f"<MaxResults>{top}</MaxResults><Delimiter>{escape(delimiter)}</Delimiter><Blobs>{''.join(entries)}</Blobs>"
        f"<NextMarker>{escape(following)}</NextMarker></EnumerationResults>"
    )


def _below(folder: Path, prefix: str) -> list[Path]:
    """The files that can match a prefix, in the order of their names."""
    start = files.inside(folder, prefix.rpartition("/")[0])
    if not start.is_dir():
        return []
    return sorted(
        (path for path in start.rglob("*") if path.is_file()), key=lambda path: path.relative_to(folder).as_posix()
    )


def _entry(target: Target, path: Path, name: str, *, with_metadata: bool) -> str:
    facts = facts_of(target, name)
    stat = path.stat()
    metadata = ""
    if with_metadata:
        metadata = "".join(f"<{key}>{escape(value)}</{key}>" for key, value in (facts.get("metadata") or {}).items())
        metadata = f"<Metadata>{metadata}</Metadata>"
    md5 = facts.get("md5") if facts.get("mtime_ns") == stat.st_mtime_ns else None
    return (
        f"<Blob><Name>{escape(name)}</Name><Properties><Creation-Time>{http_date(stat.st_ctime)}</Creation-Time>"
        f"<Last-Modified>{http_date(stat.st_mtime)}</Last-Modified><Etag>{escape(etag(path, facts))}</Etag>"
        f"<Content-Length>{stat.st_size}</Content-Length>"
        f"<Content-Type>{escape(facts.get('content_type') or 'application/octet-stream')}</Content-Type>"
        f"<Content-MD5>{md5 or ''}</Content-MD5><BlobType>BlockBlob</BlobType>"
        f"<LeaseStatus>unlocked</LeaseStatus><LeaseState>available</LeaseState>"
        f"<ServerEncrypted>true</ServerEncrypted></Properties>{metadata}</Blob>"
    )
