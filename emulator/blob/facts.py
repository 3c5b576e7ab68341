"""What storage knows of a blob besides its content."""

import hashlib
from pathlib import Path

from emulator.blob.request import ConditionNotMet, Target, http_date
from emulator.errors import Conflict, NotFound
from emulator.store import Document


def facts_of(target: Target, blob: str) -> Document:
    """What was said about a blob when it was written over HTTP; empty for files that a job wrote."""
    return target.azure.store.get("blobs", target.account, target.container, key(blob)) or {}


def key(blob: str) -> str:
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


def write(target: Target, facts: Document) -> None:
    """Remember what was said about a blob."""
    target.azure.store.put("blobs", target.account, target.container, key(target.blob), body=facts)


def forget(target: Target) -> None:
    target.azure.store.delete("blobs", target.account, target.container, key(target.blob))


def existing(target: Target) -> Path:
    target.require_container()
    if not (target.is_plain and target.path.is_file()):
        raise NotFound("The specified blob does not exist.", code="BlobNotFound")
    return target.path


def check_conditions(target: Target, *, writing: bool) -> None:
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
