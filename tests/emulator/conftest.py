"""Fixtures for tests of the emulator: one running emulator a test process, and the real SDK's client for it."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

from tests.emulator.running import RunningEmulator, running_emulator

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.identity import DefaultAzureCredential

SUBSCRIPTION = "00000000-0000-0000-0000-000000000001"
GROUP = "rg-ml"


@pytest.fixture(scope="package")
def shared_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningEmulator]:
    with running_emulator(tmp_path_factory.mktemp("emulator")) as running:
        yield running


@pytest.fixture
def azure(shared_emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningEmulator]:
    """The emulator that all tests of the folder share; this process has its environment, as a user's shell would. Healed afterwards."""
    point_at(shared_emulator, monkeypatch)
    yield shared_emulator
    shared_emulator.heal()


@pytest.fixture
def own_azure(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningEmulator]:
    """An emulator of this test alone, to be killed or filled up."""
    with running_emulator(tmp_path_factory.mktemp("own-emulator")) as running:
        point_at(running, monkeypatch)
        yield running


@pytest.fixture
def credential(azure: RunningEmulator) -> "DefaultAzureCredential":  # noqa: ARG001 - its environment is needed
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()


@pytest.fixture
def ml_client(credential: "DefaultAzureCredential") -> "Callable[[str], MLClient]":
    """The SDK's client for a workspace, as a script makes it: ``ml_client("ws-dev")``."""
    from azure.ai.ml import MLClient

    def client(workspace: str) -> MLClient:
        return MLClient(credential, SUBSCRIPTION, GROUP, workspace, show_progress=False)

    return client


@pytest.fixture
def registry_client(credential: "DefaultAzureCredential") -> "Callable[[str], MLClient]":
    """The SDK's client for a registry: ``registry_client("reg-shared")``."""
    from azure.ai.ml import MLClient

    return lambda registry: MLClient(credential, registry_name=registry, show_progress=False)


def point_at(running: RunningEmulator, patch: pytest.MonkeyPatch) -> None:
    """Give this process the environment in which the SDK finds an emulator."""
    for name, value in running.environment.items():
        patch.setenv(name, value)
    # The SDK keeps the cloud that it saw last in this variable, and asks it first.
    patch.setenv("AZUREML_CURRENT_CLOUD", "AzureEmulator")
    patch.delenv("AZUREML_CURRENT_CLOUD")
