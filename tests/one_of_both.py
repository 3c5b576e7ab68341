"""Which tests run on which kind of database.

In most folders a test asks for something by HTTP, and the same queries run in many of them: each such test runs on one of both kinds,
every second one on the other, always the same. Where the database is the matter, in all other folders and in what is marked
``both_databases``, it runs on both; with ``--both-databases``, or asked for by its own name, every test does.
"""

import zlib
from collections import defaultdict
from pathlib import Path

import pytest

ONE_OF_BOTH = ("api", "attacks", "chat", "drift", "evidence", "freezes", "identity", "rollbacks", "serving")
KINDS = ("postgresql", "sqlite")


def leave_out_the_other_kind(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take a half of those out that could run on both."""
    if config.getoption("--both-databases") or any("::" in each for each in config.args):
        return
    by_test: dict[str, list[pytest.Item]] = defaultdict(list)
    for item in items:
        if _takes_either(item):
            by_test[_without_kind(item)].append(item)
    others = {
        item
        for name, both in by_test.items()
        if len(both) > 1
        for item in both
        if _kind(item) != KINDS[zlib.crc32(name.encode()) % 2]
    }
    config.hook.pytest_deselected(items=[each for each in items if each in others])
    items[:] = [each for each in items if each not in others]


def _takes_either(item: pytest.Item) -> bool:
    folder = item.path.relative_to(Path(__file__).parent).parts[0]
    return folder in ONE_OF_BOTH and _kind(item) in KINDS and item.get_closest_marker("both_databases") is None


def _kind(item: pytest.Item) -> str | None:
    parameters = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    kind = parameters.get("database_kind")
    return kind if isinstance(kind, str) else None


def _without_kind(item: pytest.Item) -> str:
    kind = _kind(item)
    assert kind is not None
    name, bracket, parameters = item.nodeid.partition("[")
    return name + bracket + "-".join(each for each in parameters.removesuffix("]").split("-") if each != kind)
