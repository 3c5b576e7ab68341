"""``mlrelease webhooks …`` against a running service."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from app.cli.exits import Exit
from app.cli.main import app
from app.settings import Settings
from tests.api.conftest import on_sqlite
from tests.api.serving import serving

pytestmark = on_sqlite

Run = Callable[..., Result]


@pytest.fixture
def run(database_url: str, tmp_path: Path) -> Iterator[Run]:
    settings = Settings(
        data=tmp_path, database_url=database_url, signing_keys=SecretStr("k" * 40), development_login=True
    )
    with serving(settings) as served:
        environment = {"MLRELEASE_SERVER": served.url, "MLRELEASE_ACTOR": "erika", "MLRELEASE_DATA": str(tmp_path)}
        yield lambda *arguments: CliRunner().invoke(app, ["webhooks", *arguments], env=environment)


def test_webhook_from_its_making_to_its_end(run: Run) -> None:
    made = run("create", "https://hooks.example.com/", "--kind", "release.*", "--model", "churn")
    assert made.exit_code == Exit.FINE, made.stderr
    assert "whsec_" in made.stdout
    webhook = json.loads(run("list", "--json").stdout)["items"][0]["id"]
    assert "release.*" in run("list").stdout

    assert "whsec_" in run("rotate", webhook).stdout
    assert "is being sent to" in run("test", webhook).stdout
    assert "pending" in run("deliveries", webhook).stdout
    assert "There are no dead deliveries." in run("deliveries", "--dead").stdout
    assert "Deliveries that are sent again: 0." in run("redeliver", webhook).stdout
    refused = run("redeliver", "1", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["code"]) == (Exit.REFUSED, "delivery_pending")

    assert run("delete", webhook).exit_code == Exit.FINE
    assert "There are no webhooks." in run("list").stdout


def test_private_address_is_refused_with_what_to_do(run: Run) -> None:
    refused = run("create", "https://10.0.0.1/")

    assert refused.exit_code == Exit.REFUSED
    assert "10.0.0.1 is not a public address" in refused.stderr
    assert "MLRELEASE_WEBHOOK_NETWORKS" in refused.stderr
