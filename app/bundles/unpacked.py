"""A worker's cache of unpacked bundles: one folder for each digest, shared by every process on the machine."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.bundles.digest import content_digest
from app.bundles.store import load
from app.bundles.unpack import unpack
from app.database.connection import Database
from app.errors import Invalid
from app.sandbox.sandbox import sandbox


def open_bundle(database: Database, digest: str, *, cache: Path) -> Path:
    """The bundle's files, exactly those of the digest; read only. Raises NotFound, or Unavailable (disk, database)."""
    cache = cache.resolve()  # child processes that are handed the files work elsewhere
    folder = cache / digest.removeprefix("sha256:")
    if _is_whole(folder, digest):
        return folder
    with database.read() as session:
        archive = load(session, digest)
    with _one_at_a_time(cache):
        if not _is_whole(folder, digest):  # else another process was faster
            shutil.rmtree(folder, ignore_errors=True)
            sandbox.run(
                f"{unpack.__module__}:{unpack.__name__}",
                {"archive": archive, "into": folder},
                writable=[cache],
                doing="unpack the bundle",
            )
    if not _is_whole(folder, digest):
        raise Invalid(f"The bundle {digest} was changed in the database.", code="bundle_altered")
    return folder


def _is_whole(folder: Path, digest: str) -> bool:
    """Whether the folder holds what it should: a lost write or an edited file must not reach a deployment."""
    try:
        return content_digest(folder) == digest
    except FileNotFoundError:
        return False


@contextmanager
def _one_at_a_time(cache: Path) -> Iterator[None]:
    """Who unpacks here, among all threads and processes; the lock goes with the process that holds it."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
