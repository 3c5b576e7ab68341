"""What the command line says of a target that releases of churn are brought to."""

from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from app.cli.main import app
from tests.api.serving import Served

TARGET = "00000000-0000-0000-0000-000000000001/rg-ml/ws-prod/churn-prod"

Say = Callable[..., str]


@pytest.fixture
def say(service: Served) -> Say:
    """What the command line prints."""

    def say(*arguments: str) -> str:
        variables = {
            "MLRELEASE_SERVER": service.url,
            "MLRELEASE_DATA": str(service.service.settings.data),
            "MLRELEASE_ACTOR": "anna",
        }
        done = CliRunner().invoke(app, arguments, env=variables)
        assert done.exit_code == 0, done.output
        return done.output

    return say
