"""One running stack a test process: the real emulator, API and worker, over SQLite."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import app
from app.local.ports import free_port
from app.local.stack import Stack

ROOT = Path(__file__).parents[2]
Run = Callable[..., Result]


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    data = tmp_path_factory.mktemp("stack")
    with Stack(data=data, port=free_port(), emulator_port=0, variables={"MLRELEASE_DATABASE_URL": ""}) as stack:
        yield stack


@pytest.fixture
def run(stack: Stack) -> Run:
    """The command line against the stack: ``run("models", "list")``."""

    def run(*arguments: str) -> Result:
        variables = {"MLRELEASE_SERVER": stack.address, "MLRELEASE_DATA": str(stack.data), "MLRELEASE_ACTOR": "erika"}
        return CliRunner().invoke(app, arguments, env=variables)

    return run
