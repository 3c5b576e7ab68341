"""Which Python this is, and what its patch level leaves open."""

import logging
import sys

# Of each minor version: the first whose tar reader does not take for ever over some headers (CVE-2024-6232).
SAFE_TAR_READER = {(3, 11): 10, (3, 12): 6, (3, 13): 0}

log = logging.getLogger(__name__)


def warn_of_old_python() -> None:
    """Bundles are read in child processes under limits, so an old one costs time and not the service."""
    minor, patch = sys.version_info[:2], sys.version_info[2]
    if patch < SAFE_TAR_READER.get(minor, 0):
        log.warning(
            "Python %s has a known fault in its tar reader (CVE-2024-6232): what is sent can keep a child process busy until its "
            "limit. Use %d.%d.%d or newer.",
            sys.version.split()[0],
            *minor,
            SAFE_TAR_READER[minor],
        )
