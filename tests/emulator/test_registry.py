"""Registries through the real SDK: sharing, assets of their own, downloads."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Data, Environment, Model
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.emulator.running import RunningEmulator

Client = Callable[[str], MLClient]
_REGISTRY = "reg-shared"


@pytest.fixture
def name() -> str:
    return f"shared-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "weights"
    (made / "inside").mkdir(parents=True)
    (made / "a.txt").write_text("hello")
    (made / "inside" / "b.bin").write_bytes(os.urandom(1000))
    return made


def share(client: MLClient, name: str, version: str = "1") -> Model:
    shared: Model = client.models.share(
        name, version, share_with_name=name, share_with_version=version, registry_name=_REGISTRY
    )
    return shared


def test_a_shared_model_is_a_copy(
    ml_client: Client, registry_client: Client, name: str, folder: Path, tmp_path: Path
) -> None:
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, version="1", path=str(folder), tags={"a": "b"}))
    assert share(client, name).id == f"azureml://registries/{_REGISTRY}/models/{name}/versions/1"
    registry = registry_client(_REGISTRY)
    registry.models.download(name, "1", download_path=str(tmp_path / "back"))
    back = tmp_path / "back" / name / "weights"
    assert (back / "inside" / "b.bin").read_bytes() == (folder / "inside" / "b.bin").read_bytes()
    assert registry.models.get(name, "1").tags == {"a": "b"}
    assert client.models.get(name, "1").path.startswith("azureml://subscriptions/")


def test_sharing_again_is_refused(ml_client: Client, name: str, folder: Path) -> None:
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, version="1", path=str(folder)))
    share(client, name)
    with pytest.raises(Exception, match="already exists in registry"):
        share(client, name)


def test_what_is_not_there_cannot_be_shared(ml_client: Client, name: str) -> None:
    with pytest.raises(HttpResponseError, match="Could not find asset"):
        share(ml_client("ws-dev"), name)


def test_a_workspace_outside_the_registrys_regions_cannot_share(
    ml_client: Client, azure: RunningEmulator, name: str, folder: Path
) -> None:
    resource = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg-ml/providers"
    resource += "/Microsoft.MachineLearningServices/workspaces/ws-far"
    assert azure.ask("PUT", resource, {"location": "West Europe"}).status_code in (200, 201)
    client = ml_client("ws-far")
    client.models.create_or_update(Model(name=name, version="1", path=str(folder)))
    with pytest.raises(HttpResponseError, match="not one of the regions"):
        share(client, name)


def test_a_share_that_fails_leaves_nothing(
    ml_client: Client, registry_client: Client, azure: RunningEmulator, name: str, folder: Path
) -> None:
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, version="1", path=str(folder)))
    azure.break_operation("share", resource=name, code="InternalServerError", message="no luck")
    with pytest.raises(HttpResponseError):
        share(client, name)
    with pytest.raises(ResourceNotFoundError):
        registry_client(_REGISTRY).models.get(name, "1")
    share(client, name)


def test_environments_and_data_are_shared(ml_client: Client, registry_client: Client, name: str, folder: Path) -> None:
    client, registry = ml_client("ws-dev"), registry_client(_REGISTRY)
    client.environments.create_or_update(Environment(name=name, version="1", image="img:1"))
    client.environments.share(name, "1", share_with_name=name, share_with_version="3", registry_name=_REGISTRY)
    assert registry.environments.get(name, "3").image == "img:1"
    client.data.create_or_update(Data(name=name, version="1", path=str(folder), type="uri_folder"))
    client.data.share(name, "1", share_with_name=name, share_with_version="1", registry_name=_REGISTRY)
    assert registry.data.get(name, "1").type == "uri_folder"


def test_a_model_is_created_in_a_registry(registry_client: Client, name: str, folder: Path, tmp_path: Path) -> None:
    registry = registry_client(_REGISTRY)
    registry.models.create_or_update(Model(name=name, version="1", path=str(folder)))
    registry.models.create_or_update(Model(name=name, path=str(folder / "a.txt")))
    assert [model.version for model in registry.models.list(name)] == ["2", "1"]
    assert registry.models.get(name, label="latest").version == "2"
    registry.models.download(name, "1", download_path=str(tmp_path / "back"))
    assert (tmp_path / "back" / name / "weights" / "a.txt").read_text() == "hello"


def test_archiving_in_a_registry_hides(registry_client: Client, name: str, folder: Path) -> None:
    registry = registry_client(_REGISTRY)
    registry.models.create_or_update(Model(name=name, version="1", path=str(folder)))
    registry.models.archive(name, "1")
    assert list(registry.models.list(name)) == []
    registry.models.restore(name, "1")
    registry.models.archive(name)
    assert name not in {model.name for model in registry.models.list()}


def test_an_unknown_registry_is_not_found(registry_client: Client) -> None:
    with pytest.raises(ResourceNotFoundError, match="was not found"):
        registry_client("reg-nowhere")
