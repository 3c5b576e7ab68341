"""Commands that are programs of their own: this process becomes them.

They import what the other commands can do without (FastAPI, the engine, the Azure SDK), so they are started and not imported.
"""

import os
import sys
from typing import Annotated, NoReturn

import typer


def up(
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one JSON document.")] = False,
) -> None:
    """Start everything on this machine and leave it up: API, worker and, when the settings say local, the Azure ML emulator."""
    _become("app.cli.up", *(["--json"] if as_json else []))


def serve() -> None:
    """Run the API in this terminal (MLRELEASE_HOST, MLRELEASE_PORT)."""
    _become("app.main")


def worker() -> None:
    """Run a worker in this terminal: it carries releases out on Azure ML."""
    _become("app.worker")


def migrate() -> None:
    """Bring the database to what this version needs."""
    _become("app.database")


def _become(module: str, *arguments: str) -> NoReturn:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 # our own module, no shell
