"""What teams paste is linted as careful teams lint their own."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.ci.pipelines import CI

PROGRAMS = Path(sys.executable).parent
WORKFLOW, ACTION = CI / "github" / "release.example.yml", CI / "github" / "action.yml"


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("vendor.github-workflows", [WORKFLOW]),
        ("vendor.github-actions", [ACTION]),
        ("vendor.azure-pipelines", sorted(CI.glob("azure-pipelines/*.yml"))),
        ("vendor.gitlab-ci", sorted(CI.glob("gitlab/*.yml"))),
    ],
)
def test_files_have_the_shape_that_their_ci_reads(schema: str, files: list[Path]) -> None:
    assert files
    _run("check-jsonschema", "--builtin-schema", schema, *map(str, files))


def test_workflow_has_only_expressions_and_outputs_that_are_there() -> None:
    _run("actionlint", "-shellcheck", str(PROGRAMS / "shellcheck"), str(WORKFLOW))


def test_workflow_and_action_have_no_known_weakness() -> None:
    """No template injection, no action that is not pinned by hash, no right that is not needed."""
    _run("zizmor", "--offline", "--persona", "pedantic", str(WORKFLOW), str(ACTION))


def _run(program: str, *words: str) -> None:
    done = subprocess.run([PROGRAMS / program, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
