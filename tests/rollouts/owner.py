"""The owner of a subscription, who works on it by the unmodified Azure SDK and asks this service nothing."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.journeys.azure import SUBSCRIPTION, Azure

if TYPE_CHECKING:
    from azure.ai.ml import MLClient
    from azure.ai.ml.entities import OnlineDeployment, OnlineEndpoint


class Owner:
    """Changes endpoints of ws-dev as a script of the team does, and waits until a change is in force."""

    def __init__(self, client: "MLClient", folder: Path) -> None:
        self._client, self._folder = client, folder

    def endpoint(self, name: str) -> "OnlineEndpoint":
        found: OnlineEndpoint = self._client.online_endpoints.get(name)
        return found

    def update_endpoint(self, changed: "OnlineEndpoint") -> None:
        self._client.online_endpoints.begin_create_or_update(changed).result()

    def set_traffic(
        self, endpoint: str, traffic: Mapping[str, int], *, mirror: Mapping[str, int] | None = None
    ) -> None:
        """``mirror`` None: as it is."""
        changed = self.endpoint(endpoint)
        changed.traffic = dict(traffic)
        if mirror is not None:
            changed.mirror_traffic = dict(mirror)
        self.update_endpoint(changed)

    def regenerate_key(self, endpoint: str) -> None:
        self._client.online_endpoints.begin_regenerate_keys(endpoint, key_type="primary").result()

    def delete_endpoint(self, endpoint: str) -> None:
        self._client.online_endpoints.begin_delete(endpoint).result()

    def deployment(self, endpoint: str, name: str) -> "OnlineDeployment":
        found: OnlineDeployment = self._client.online_deployments.get(name, endpoint)
        return found

    def update_deployment(self, changed: "OnlineDeployment") -> None:
        self._client.online_deployments.begin_create_or_update(changed).result()

    def delete_deployment(self, endpoint: str, name: str) -> None:
        self._client.online_deployments.begin_delete(name, endpoint).result()

    def register_model(self, name: str, *, factor: float) -> str:
        """Its id."""
        from azure.ai.ml.entities import Model

        content = self._folder / name
        content.mkdir()
        (content / "factor.json").write_text(f"{factor}")
        return str(self._client.models.create_or_update(Model(name=name, path=content, type="custom_model")).id)

    def register_environment(self, name: str) -> str:
        """Its id."""
        from azure.ai.ml.entities import Environment

        image = "mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu-inference:latest"
        return str(self._client.environments.create_or_update(Environment(name=name, image=image)).id)

    def write_code(self, name: str, score: str) -> Path:
        """A folder with a scoring script."""
        code = self._folder / name
        code.mkdir()
        (code / "score.py").write_text(score)
        return code


@contextmanager
def owner(azure: Azure, folder: Path) -> Iterator[Owner]:
    """This process has the emulator's environment meanwhile, as a user's shell would."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in azure.environment.items():
            if os.environ.get(name) != value:
                patch.setenv(name, value)
        # The SDK keeps the cloud that it saw last in this variable, and asks it first.
        patch.setenv("AZUREML_CURRENT_CLOUD", "AzureEmulator")
        patch.delenv("AZUREML_CURRENT_CLOUD")
        from azure.ai.ml import MLClient
        from azure.identity import DefaultAzureCredential

        folder.mkdir(parents=True, exist_ok=True)
        yield Owner(MLClient(DefaultAzureCredential(), SUBSCRIPTION, "rg-ml", "ws-dev", show_progress=False), folder)
