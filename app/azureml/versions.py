"""Version names: strings that mostly are numbers. Never compared as strings, where "9" comes after "10"."""

from collections.abc import Iterable


def next_version(taken: Iterable[str]) -> str:
    """The first whole number above every number in use; other names are nobody's predecessor."""
    numbers = [int(version) for version in taken if version.isdecimal()]
    return str(max(numbers, default=0) + 1)


def newest_first(versions: Iterable[str]) -> list[str]:
    """Numbers by size before everything else."""
    return sorted(
        versions,
        key=lambda version: (version.isdecimal(), int(version) if version.isdecimal() else 0, version),
        reverse=True,
    )
