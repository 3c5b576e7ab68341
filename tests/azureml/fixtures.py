"""Fixtures for everything that speaks to Azure ML: one emulator a test session, one trained model in it."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from app.azureml.client import AzureSettings
from app.azureml.environments import register_environment
from app.azureml.facade import AzureML, open_azure
from app.azureml.jobs import get_job, submit_job
from app.azureml.types import Environment, RegistryRef
from app.planning.places import Place
from tests.azureml.running import RunningEmulator, running_emulator
from tests.azureml.team import write_training

DEV = Place(subscription="00000000-0000-0000-0000-000000000001", resource_group="rg-ml", workspace="ws-dev")
PROD = DEV.model_copy(update={"workspace": "ws-prod"})
REGISTRY = RegistryRef("reg-shared")

# The SDK keeps the cloud that it saw last in this variable.
_CURRENT_CLOUD = "AZUREML_CURRENT_CLOUD"


@dataclass(frozen=True)
class Trained:
    """A pipeline job that completed, with an output ``model``."""

    job: str
    environment: Environment


@pytest.fixture(scope="package")
def emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    with running_emulator(tmp_path_factory.mktemp("azure")) as running:
        yield running


@pytest.fixture(scope="package")
def azure(emulator: RunningEmulator) -> AzureML:
    with pointed_at(emulator):
        return open_azure(settings_for(emulator))


@pytest.fixture(autouse=True)
def environment_of_azure(emulator: RunningEmulator) -> Iterator[None]:
    """The SDK reads its environment at each client; tests of other folders have emulators of their own."""
    with pointed_at(emulator):
        yield
    emulator.heal()


@pytest.fixture(scope="package")
def trained(azure: AzureML, emulator: RunningEmulator, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = write_training(tmp_path_factory.mktemp("training") / "team")
    with pointed_at(emulator):
        environment = register_environment(azure, DEV, folder / "environment.yml", folder=folder)
        return Trained(train(azure, folder, name="team-job-1"), environment)


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
        cloud_metadata_url=emulator.environment["ARM_CLOUD_METADATA_URL"],
        ca_file=Path(emulator.environment["REQUESTS_CA_BUNDLE"]),
        private_cloud=True,
    )


@contextmanager
def pointed_at(emulator: RunningEmulator) -> Iterator[None]:
    """The environment in which the SDK finds this emulator; afterwards as before, and what the SDK wrote into it is gone."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in emulator.environment.items():
            patch.setenv(name, value)
        patch.setenv(_CURRENT_CLOUD, "")  # so that the undoing removes what the SDK writes
        patch.delenv(_CURRENT_CLOUD)
        yield
