"""The command starts quickly, because it speaks HTTP only."""

import subprocess
import sys

HEAVY = ["azure", "fastapi", "sqlmodel", "sqlalchemy", "dbos", "sklearn", "pydantic_settings", "emulator", "training"]


def test_command_imports_nothing_of_the_service() -> None:
    found = subprocess.run(
        [sys.executable, "-c", f"import sys, app.cli.main; print([name for name in {HEAVY} if name in sys.modules])"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "[]"
