"""This machine's own limits: a full disk, no memory, too many open files. They pass, as an outage of Azure does."""

import errno

from app.azureml.errors import OutOfResources

_PASSING = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "the disk quota is used up",
    errno.EFBIG: "the limit on the size of files is reached",
    errno.EMFILE: "too many files are open",
    errno.ENFILE: "too many files are open",
    errno.ENOMEM: "there is no memory left",
    errno.EAGAIN: "the system has no resources left",
    errno.EIO: "the disk cannot be read or written",
}


def is_out_of_resources(broken: Exception) -> bool:
    """Also where a library has wrapped what really happened."""
    return _cause(broken) is not None


def out_of_resources(broken: Exception, *, doing: str) -> OutOfResources:
    """Worth another try once somebody or something has made room."""
    return OutOfResources(
        f"Could not {doing}: {_cause(broken) or 'the system has no resources left'} on this worker's machine.",
        hint="Free some space or raise the limit; it is tried again by itself.",
    )


def _cause(broken: BaseException | None) -> str | None:
    seen = 0
    while broken is not None and seen < 10:
        if isinstance(broken, MemoryError):
            return "there is no memory left"
        if isinstance(broken, OSError) and broken.errno in _PASSING:
            return _PASSING[broken.errno]
        broken, seen = broken.__cause__ or broken.__context__, seen + 1
    return None
