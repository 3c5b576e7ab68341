"""Tests stand alone: what two of them need is in a module that has no tests."""

import ast
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).parent


def imported(file: Path) -> Iterator[str]:
    """The last word of every module that a file imports, or takes something from."""
    for node in ast.walk(ast.parse(file.read_text())):
        names = [each.name for each in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
        if isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
        yield from (name.rpartition(".")[2] for name in names)


def test_no_test_imports_from_a_module_of_tests() -> None:
    modules = {file.stem for file in TESTS.rglob("test_*.py")}

    found = {
        f"{file.relative_to(TESTS)}: {name}"
        for file in TESTS.rglob("*.py")
        for name in imported(file)
        if name in modules
    }

    assert len(modules) > 100
    assert found == set()
