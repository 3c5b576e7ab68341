"""Fixtures for everything that speaks to Azure ML: one emulator a test session, one trained model in it."""

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.azureml.client import AzureSettings
from app.azureml.environments import register_environment
from app.azureml.facade import AzureML, open_azure
from app.azureml.jobs import get_job, submit_job
from app.azureml.types import Environment, RegistryRef, WorkspaceRef
from tests.azureml.running import RunningEmulator, running_emulator
from tests.azureml.team import write_training

DEV = WorkspaceRef("00000000-0000-0000-0000-000000000001", "rg-ml", "ws-dev")
PROD = dataclasses.replace(DEV, workspace="ws-prod")
REGISTRY = RegistryRef("reg-shared")

# The SDK keeps the cloud that it saw last in this variable.
_CURRENT_CLOUD = "AZUREML_CURRENT_CLOUD"


@dataclass(frozen=True)
class Trained:
    """A pipeline job that completed, with an output ``model``."""

    job: str
    environment: Environment


@pytest.fixture(scope="session")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    with running_emulator(tmp_path_factory.mktemp("azure")) as running:
        yield running


@pytest.fixture(scope="session")
def azure(emulator: RunningEmulator) -> Iterator[AzureML]:
    with pytest.MonkeyPatch.context() as patch:
        _point_at(patch, emulator)
        yield open_azure(settings_for(emulator))


@pytest.fixture(autouse=True)
def environment_of_azure(emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The SDK reads its environment anew for each client; other tests may have changed it meanwhile."""
    _point_at(monkeypatch, emulator)
    yield
    emulator.heal()


@pytest.fixture(scope="session")
def trained(azure: AzureML, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = write_training(tmp_path_factory.mktemp("training") / "team")
    environment = register_environment(azure, DEV, folder / "environment.yml")
    job = train(azure, folder, name="team-job-1")
    return Trained(job, environment)


def train(azure: AzureML, folder: Path, *, name: str) -> str:
    """Submit the folder's pipeline and wait for its end; the job's name."""
    submit_job(azure, DEV, name, folder=folder, entry="pipeline.yml", bundle_digest="sha256:0", tags={})
    until = time.monotonic() + 120
    while not (job := get_job(azure, DEV, name)).is_final:
        assert time.monotonic() < until, f"{name} is still {job.status}"
        time.sleep(0.3)
    return name


def settings_for(emulator: RunningEmulator) -> AzureSettings:
    return AzureSettings(
        key_vault_url=emulator.environment["KEY_VAULT_URL_TEMPLATE"],
        poll_seconds=0.1,
        patience_seconds=60,
        resource_manager=emulator.base_url,
        ca_file=Path(emulator.environment["REQUESTS_CA_BUNDLE"]),
        private_cloud=True,
    )


def _point_at(patch: pytest.MonkeyPatch, emulator: RunningEmulator) -> None:
    for name, value in emulator.environment.items():
        patch.setenv(name, value)
    patch.delenv(_CURRENT_CLOUD, raising=False)
