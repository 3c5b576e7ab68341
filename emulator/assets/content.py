"""The content of assets: copied when an asset is registered, with a digest, and never changed afterwards."""

import asyncio
import hashlib
import shutil
import uuid
from pathlib import Path

from emulator.blob import files
from emulator.errors import BadRequest
from emulator.state import Emulator
from emulator.store import Document


def digest(root: Path) -> str:
    """SHA-256 of a file; of a folder, over the lines "<sha256 of the file>  <path>" in the order of the paths."""
    if root.is_file():
        return f"sha256:{_of_file(root)}"
    lines = "".join(f"{_of_file(path)}  {path.relative_to(root).as_posix()}\n" for path in files.walk(root))
    return f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"


def _of_file(path: Path) -> str:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def _copy(source: Path, to: Path) -> str:
    """Copy so that nobody ever sees half of it; the digest of what was copied."""
    beside = to.with_name(f".{to.name}.{uuid.uuid4().hex}")
    beside.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, beside)
    else:
        shutil.copyfile(source, beside)
    found = digest(beside)
    if to.is_dir():
        shutil.rmtree(to)
    beside.replace(to)
    return found


async def keep(azure: Emulator, source: Path, *, to: Path) -> Document:
    """Copy content to its place in storage; the facts to remember about it: {"path", "digest"}."""
    if source.is_dir() and not any(files.walk(source)):
        raise BadRequest(f"There are no files in {source.name}.", code="UserError")
    found = await asyncio.to_thread(_copy, source, to)
    return {"path": to.relative_to(azure.data).as_posix(), "digest": found}


def kept(azure: Emulator, version: Document) -> Path:
    """Where the content of a version document lies."""
    facts = version.get("_") or {}
    if "path" not in facts:
        raise BadRequest(f"{version['name']}:{version['version']} has no content.", code="UserError")
    return azure.data / str(facts["path"])
