"""Programs start quickly: what each does without, it does not import."""

import subprocess
import sys

import pytest

WITHOUT = {
    # It speaks HTTP only; and to list its commands takes not even that.
    "app.cli.main": {
        "azure", "cryptography", "dbos", "emulator", "fastapi", "httpx", "pydantic", "pydantic_settings", "ruamel", "sklearn",
        "sqlalchemy", "sqlmodel", "training",
    },
    # Alembic, with Mako and Pygments, is for who migrates; Slack's SDK for who has set Slack up.
    "app.main": {
        "alembic", "azure", "emulator", "mako", "numpy", "requests", "scipy", "sklearn", "slack_sdk", "training", "typer",
    },
    "app.worker": {"alembic", "emulator", "fastapi", "jinja2", "mako", "sklearn", "slack_sdk", "training", "typer", "uvicorn"},
    "emulator.cli": {"app", "azure", "httpx", "numpy", "sklearn", "sqlalchemy", "sqlmodel", "training"},
}  # fmt: skip


@pytest.mark.parametrize("program", WITHOUT)
def test_program_imports_nothing_that_it_does_without(program: str) -> None:
    found = subprocess.run(
        [sys.executable, "-c", f"import sys, {program}; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert WITHOUT[program] & {name.partition(".")[0] for name in found.stdout.split()} == set()
