"""Commands that are separate programs: this process executes them in its place.

They import what the other commands can do without (FastAPI, the engine, the Azure SDK), so they are started and not imported.
"""

import os
import sys
import time
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from app.local.local_azure import local_environment
from app.local.processes import ProcessEnded
from app.local.stack import emulator_environment

EMULATOR_SECONDS = 60.0


def up(
    as_json: Annotated[bool, typer.Option("--json", help="Print the addresses as one JSON document.")] = False,
) -> None:
    """Start everything on this machine: API, worker and, unless MLRELEASE_AZURE=azure, the Azure ML emulator."""
    exec_module("app.cli.up", *(["--json"] if as_json else []))


def serve() -> None:
    """Run the API in this terminal (MLRELEASE_HOST, MLRELEASE_PORT)."""
    exec_module("app.main")


def worker(
    emulator: Annotated[
        Path | None,
        typer.Option(
            envvar="MLRELEASE_EMULATOR",
            help="Use the emulator that serves this folder, once it is up, instead of a real Azure ML.",
        ),
    ] = None,
) -> None:
    """Run a worker in this terminal. Workers carry out releases on Azure ML."""
    if emulator is not None and str(emulator) != ".":  # an empty variable in a compose file means none
        local = local_environment(os.environ) | _await_emulator(emulator)
        os.environ.clear()  # no way to a real Azure may stay
        os.environ.update(local)
    exec_module("app.worker")


def migrate() -> None:
    """Migrate the database to this version."""
    exec_module("app.database")


def _await_emulator(data: Path) -> dict[str, str]:
    deadline = time.monotonic() + EMULATOR_SECONDS
    while True:
        try:
            return emulator_environment(data)
        except ProcessEnded:
            if time.monotonic() > deadline:
                raise
            time.sleep(EMULATOR_SECONDS / 100)


def exec_module(module: str, *arguments: str) -> NoReturn:
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", module, *arguments])  # noqa: S606 # our own module, no shell
