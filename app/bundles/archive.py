"""Reading an archive that somebody sent, trusting nothing in it.

Nothing is ever extracted by ``tarfile``: its members are read one after the other, each is checked first, and what comes out of
the decompressor is counted, so that a few kilobytes cannot become gigabytes in memory or on disk. What tarfile itself makes of a
header is not ours to bound: patch releases of Python before 3.11.10 and 3.12.6 can take for ever over one (CVE-2024-6232), and
nested headers nest its calls. So what strangers sent is read in a child process.
"""

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from app.bundles.digest import digest_of, entry_of
from app.bundles.limits import MAX_ENTRIES, MAX_UNPACKED, Paths, check_packed, check_unpacked, plain_path
from app.errors import Invalid, TooLarge
from app.sandbox.sandbox import sandbox

GZIP_MAGIC = b"\x1f\x8b"
PLAIN_FILES = (tarfile.REGTYPE, tarfile.AREGTYPE)
LARGEST_STREAM = MAX_UNPACKED + MAX_ENTRIES * 4096  # files, headers and padding


def check_archive(archive: bytes) -> str:
    """The digest of an archive that somebody sent, read in a child process. Raises Invalid, TooLarge or Unavailable."""
    check_packed(len(archive))
    digest: str = sandbox.run(f"{__name__}:archive_digest", {"archive": archive}, doing="read the bundle")
    return digest


def archive_digest(archive: bytes) -> str:
    """``sha256:…`` over the files in it: another tar of the same files has the same. Raises Invalid or TooLarge."""
    return digest_of(entry_of(name, content) for name, content in read_files(archive))


def read_files(archive: bytes) -> Iterator[tuple[str, bytes]]:
    """Each file as (relative posix path, content), one at a time. Raises Invalid or TooLarge, at the first or at a later one."""
    check_packed(len(archive))
    if not archive.startswith(GZIP_MAGIC):
        raise _unreadable("it is not compressed with gzip")
    paths, entries, files, size = Paths(), 0, 0, 0
    with _readable(), gzip.GzipFile(fileobj=io.BytesIO(archive)) as decompressed:
        counted = _Counted(decompressed)
        with tarfile.open(fileobj=counted, mode="r|") as tar:  # type: ignore[call-overload] # it only calls read()
            for member in tar:
                entries += 1
                if entries > MAX_ENTRIES:
                    raise TooLarge(f"The bundle has more than {MAX_ENTRIES:,} entries.", code="bundle_too_many_files")
                if member.isdir():
                    _check_folder(member.name)
                    continue
                if member.type not in PLAIN_FILES or member.sparse is not None:
                    raise Invalid(
                        f"{member.name!r} in the bundle is a link or a special file.",
                        code="bundle_special_file",
                        hint="A bundle contains files and folders only.",
                    )
                size += member.size
                check_unpacked(size)
                name = paths.add(member.name)
                content = tar.extractfile(member)
                assert content is not None, "a plain file has content"
                files += 1
                yield name, content.read()
        while counted.read(1 << 16):  # to the end: only then has gzip's checksum been compared
            pass
    if not files:
        raise Invalid("The bundle has no files.", code="bundle_empty")


class _Counted:
    """Reads on, until it has given more than a bundle may have."""

    def __init__(self, source: gzip.GzipFile) -> None:
        self._source = source
        self._left = LARGEST_STREAM

    def read(self, size: int) -> bytes:
        content = self._source.read(size)
        self._left -= len(content)
        if self._left < 0:
            check_unpacked(LARGEST_STREAM)
        return content


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except RecursionError as deep:
        raise _unreadable("its headers are nested too deeply") from deep
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError) as broken:
        raise _unreadable(str(broken)) from broken


def _check_folder(name: str) -> None:
    if name != ".":
        plain_path(name)


def _unreadable(why: str) -> Invalid:
    return Invalid(
        f"The bundle cannot be read as a .tar.gz: {why}.",
        code="bundle_unreadable",
        hint="Send a folder packed by `mlrelease`, or by `tar -czf`.",
    )
