"""An archive becomes a folder: all of it, or nothing."""

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.bundles.archive import read_files
from app.errors import Unavailable


def unpack(archive: bytes, into: Path) -> None:
    """Write the files under ``into``, which must not be there yet (or be empty): else FileExistsError.

    Raises Invalid or TooLarge (see ``bundles.archive``), or Unavailable when the disk is full; then nothing is there.
    """
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise FileExistsError(errno.EEXIST, "is there already", str(into))
    with enough_disk():
        into.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{into.name}-", dir=into.parent))
        try:
            for name, content in read_files(archive):
                path = beside / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            beside.chmod(0o755)  # mkdtemp's is for its owner alone
            try:
                beside.rename(into)
            except OSError as taken:
                if taken.errno in (errno.ENOTEMPTY, errno.EEXIST):
                    raise FileExistsError(errno.EEXIST, "is there already", str(into)) from taken
                raise
        finally:
            shutil.rmtree(beside, ignore_errors=True)  # gone already when all went well


@contextmanager
def enough_disk() -> Iterator[None]:
    """A disk that is full, or takes no file of this size, as a refusal that people understand."""
    try:
        yield
    except OSError as broken:
        what = broken.filename or "a bundle"
        if broken.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Unavailable(
                f"The disk is full: {what} cannot be written.",
                code="disk_full",
                hint="Free some space and try again.",
            ) from broken
        if broken.errno in (errno.EFBIG, errno.EIO):
            raise Unavailable(
                f"The disk cannot store {what}: {os.strerror(broken.errno)}.",
                code="disk_unusable",
                hint="Free some space, and check the disk's health and limits on file sizes.",
            ) from broken
        raise
