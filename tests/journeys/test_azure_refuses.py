"""Azure that does not answer, or not this worker: told while it lasts, and nothing is half-made."""

from collections.abc import Iterator

import pytest

from tests.journeys.azure import SUBSCRIPTION
from tests.journeys.running import Running, running
from tests.journeys.team import Team

_GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/rg-ml/providers"
# All that dev needs, and no more than looking in prod and in the registry.
DEV_ONLY = [
    {"role": "Contributor", "scope": f"{_GROUP}/Microsoft.MachineLearningServices/workspaces/ws-dev"},
    {"role": "Contributor", "scope": f"{_GROUP}/Microsoft.Storage"},
    {"role": "Key Vault Secrets Officer", "scope": f"{_GROUP}/Microsoft.KeyVault/vaults/kv-dev"},
    {"role": "Reader", "scope": "/"},
]


@pytest.fixture(scope="module")
def other_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A service of this module alone: its worker changes its identity, and its Azure goes away."""
    patience = {"MLRELEASE_RETRY_TRIES": "60", "MLRELEASE_RETRY_LONGEST_SECONDS": "2"}
    with running(tmp_path_factory.mktemp("other"), **patience) as service:
        yield service


@pytest.fixture(scope="module")
def team(other_service: Running, tmp_path_factory: pytest.TempPathFactory) -> Team:
    team = Team(other_service, tmp_path_factory.mktemp("team"))
    team.apply()
    return team


@pytest.fixture(scope="module")
def trained(team: Team) -> str:
    return team.train()


@pytest.fixture(scope="module")
def owner(other_service: Running) -> dict[str, str]:
    """The identity that the worker begins with: it may do everything."""
    return {name: other_service.azure.environment[name] for name in ("AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")}


def test_azure_that_does_not_answer_is_told_and_the_release_goes_on_when_it_does(
    team: Team, trained: str, owner: dict[str, str]
) -> None:
    service = team.service
    service.work_as(**owner)
    service.stop_emulator()
    asked = team.ask(trained, stages=["dev"])

    told = service.until(asked["id"], lambda release: release["code"] == "azure_connection_lost")
    assert told["status"] == "pending"
    assert "Next attempt in" in told["sentence"]

    service.start_emulator()
    ended = service.until_still(asked["id"])
    assert ended["status"] == "succeeded", ended["sentence"]
    assert service.azure.versions(team.name, workspace="ws-dev") == ["1"]
    assert team.use(team.dev, [2]) == [6]


def test_worker_that_may_not_touch_prod_says_so_before_anybody_is_asked(team: Team, trained: str) -> None:
    service = team.service
    service.work_as(**service.azure.principal("dev-only", DEV_ONLY))

    ended = service.until_still(team.ask(trained)["id"])

    assert (ended["status"], ended["code"]) == ("failed", "not_permitted")
    assert "prod: The service may not do" in ended["sentence"]
    failed = {each["check"]: each for each in ended["checks"] if each["outcome"] == "failed"}
    assert set(failed) == {"registry", "permissions"}
    assert all("Give the service's identity the role" in each["hint"] for each in failed.values())
    assert ended["rollouts"] == []
    assert service.azure.endpoint("ws-prod", team.prod) is None
    assert service.azure.versions(team.name) == []


def test_worker_that_may_not_touch_prod_may_release_to_dev(team: Team, trained: str) -> None:
    ended = team.service.until_still(team.ask(trained, stages=["dev"])["id"])

    assert ended["status"] == "succeeded", ended["sentence"]


def test_worker_without_credentials_says_so(team: Team, trained: str) -> None:
    service = team.service
    service.work_as(AZURE_CLIENT_SECRET="")

    ended = service.until_still(team.ask(trained)["id"])

    assert (ended["status"], ended["code"]) == ("failed", "credentials_missing")
    assert "az login" in ended["sentence"]
    assert ended["rollouts"] == []
