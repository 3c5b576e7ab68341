"""Kinds of steps and who carries them out match, one to one."""

import inspect
import subprocess
import sys
import typing
from pathlib import Path

import pytest

from app.planning.kinds import KINDS
from app.steps.catalogue import STEPS

ROOT = Path(__file__).parents[2]

SNIPPET = """
from app.planning.kinds import ShiftTraffic
from app.planning.places import Place

place = Place(subscription="s", resource_group="rg", workspace="ws")
ShiftTraffic(workspace=place, endpoint="e", deployment="d")
ShiftTraffic(workspace=place, endpoit="e", deployment="d")
ShiftTraffic(workspace=place, endpoint="e")
"""


def test_every_kind_is_carried_out_by_the_function_of_its_name() -> None:
    assert {kind: step.__name__ for kind, step in STEPS.items()} == {kind: kind for kind in KINDS}
    assert {kind: step.__module__ for kind, step in STEPS.items()} == {kind: f"app.steps.{kind}" for kind in KINDS}


@pytest.mark.parametrize("kind", KINDS)
def test_step_takes_the_config_of_its_kind(kind: str) -> None:
    last = list(inspect.signature(STEPS[kind]).parameters)[-1]

    assert typing.get_type_hints(STEPS[kind])[last] is KINDS[kind]


@pytest.mark.slow
def test_type_checker_refuses_fields_that_are_misspelt_or_missing(tmp_path: Path) -> None:
    """With the settings of ``make check``."""
    snippet = tmp_path / "snippet.py"
    snippet.write_text(SNIPPET)
    command = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml"), str(snippet)]

    said = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout

    lines = {int(line.split(":")[1]) for line in said.splitlines() if "error:" in line}
    assert lines == {7, 8}, said
