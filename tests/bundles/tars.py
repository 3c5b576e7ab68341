"""Archives as others make them, and as an attacker would."""

import gzip
import io
import tarfile
from collections.abc import Sequence

Member = tarfile.TarInfo | tuple[str, bytes]


def tar_of(*members: Member, format: int = tarfile.GNU_FORMAT) -> bytes:  # noqa: A002 - tarfile's word
    """A .tar.gz with exactly these members, unchecked; other times, owners and modes than ours."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=format) as tar:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                tar.addfile(member)
            else:
                name, content = member
                info = tarfile.TarInfo(name)
                info.size, info.mtime, info.mode, info.uid = len(content), 1_700_000_000, 0o755, 1234
                tar.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def special(name: str, kind: bytes, *, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def bomb(*, unpacked: int) -> bytes:
    """One file of so many zeroes, in a few kilobytes."""
    info = tarfile.TarInfo("zeroes")
    info.size = unpacked
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as stream:
        stream.write(info.tobuf())
        _zeroes(stream, unpacked)
    return packed.getvalue()


def header_bomb(*, header: int) -> bytes:
    """A small file whose extended header alone has so many bytes, which tarfile would read into memory."""
    extended = tarfile.TarInfo("././@PaxHeader")
    extended.type, extended.size = tarfile.XHDTYPE, header
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=9) as stream:
        stream.write(extended.tobuf())
        _zeroes(stream, header)
        stream.write(tarfile.TarInfo("file").tobuf())
    return packed.getvalue()


def names(count: int) -> Sequence[Member]:
    return [(f"file-{number}", b"") for number in range(count)]


def _zeroes(stream: gzip.GzipFile, count: int) -> None:
    block = bytes(1 << 20)
    for _ in range(-(-count // len(block))):
        stream.write(block)
