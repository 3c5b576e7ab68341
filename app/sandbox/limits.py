"""How much a task in a child process may take."""

import resource
import sys
from dataclasses import dataclass
from pathlib import Path

MEBIBYTE = 1024**2
GRACE_SECONDS = 1  # between the signal that ends a process and the one that kills it


@dataclass(frozen=True)
class Limits:
    """The defaults are for reading what somebody sent."""

    wall_seconds: float = 20.0  # from the moment that the child runs
    cpu_seconds: int = 10
    memory: int = 768 * MEBIBYTE  # bytes of address space, beyond what the imported code takes
    file_size: int = 128 * MEBIBYTE  # bytes of each file that it writes
    open_files: int = 128
    result: int = 8 * MEBIBYTE  # bytes
    network: bool = False


def apply_limits(limits: Limits) -> None:
    """Hold this process to its limits, for good."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold what was sent
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + GRACE_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.file_size, limits.file_size))
    resource.setrlimit(resource.RLIMIT_NOFILE, (limits.open_files, limits.open_files))
    if sys.platform == "linux":
        # macOS takes this limit and does not keep it: there only time bounds what a child takes. Linux is for production.
        most = _address_space() + limits.memory
        resource.setrlimit(resource.RLIMIT_AS, (most, most))


def _address_space() -> int:
    """Bytes that this process has mapped: its code and what the template imported."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()
