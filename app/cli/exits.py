"""Exit statuses, for CI."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit statuses of every ``mlrelease`` command."""

    FINE = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    NEEDS_APPROVAL = 4
    CANCELLED = 5


MEANINGS = {
    Exit.FINE: "done, or the watched release or job succeeded",
    Exit.REFUSED: "refused, or the watched release or job failed",
    Exit.USAGE: "the command line is wrong",
    Exit.UNREACHABLE: "the service does not respond",
    Exit.NEEDS_APPROVAL: "the watched release waits for approval",
    Exit.CANCELLED: "the watched release or job was cancelled or rejected",
}
