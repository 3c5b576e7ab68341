"""``mlrelease rollback``, as people type it."""

import pytest
from typer.testing import CliRunner, Result

from app.cli.main import app
from tests.api.serving import Served
from tests.rollbacks.going_back import Going


@pytest.fixture
def served(service: Served) -> Served:
    if not service.service.settings.is_sqlite:
        pytest.skip("the same over either database")
    return service


def rollback(served: Served, *arguments: str) -> Result:
    variables = {
        "MLRELEASE_SERVER": served.url,
        "MLRELEASE_DATA": str(served.service.settings.data),
        "MLRELEASE_ACTOR": "anna",
    }
    return CliRunner().invoke(app, ["rollback", *arguments], env=variables)


def test_command_names_model_and_stage_and_says_what_it_goes_back_to(served: Served, going: Going) -> None:
    going.release()
    going.release()
    options = ("--reason", "Wrong data.", "--key", "one")

    done, again = (rollback(served, "churn", "prod", *options) for _ in range(2))
    nowhere = rollback(served, "churn", "dev", *options)

    assert done.exit_code == 0, done.output
    assert "churn-3 takes prod back to release churn-1." in done.output
    assert again.output == done.output
    assert nowhere.exit_code != 0
    assert "No endpoint of churn in dev is on record." in nowhere.output
