"""An emulator whose storage can be searched, and the SDK pointed at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.azureml.fixtures import azure, environment_of_azure
from tests.azureml.running import RunningEmulator, running_emulator

__all__ = ["azure", "environment_of_azure"]


@pytest.fixture(scope="package")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the emulator keeps everything that it was sent."""
    return tmp_path_factory.mktemp("azure")


@pytest.fixture(scope="package")
def emulator(cloud: Path) -> Iterator[RunningEmulator]:
    with running_emulator(cloud) as running:
        yield running
