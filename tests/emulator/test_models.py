"""Models through the real SDK: versions, labels, archive, immutability, downloads."""

import os
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.ai.ml import MLClient
from azure.ai.ml.entities import Model
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError

from tests.emulator.running import RunningEmulator

Client = Callable[[str], MLClient]


@pytest.fixture
def name() -> str:
    return f"model-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "weights"
    (made / "inside").mkdir(parents=True)
    (made / "a.txt").write_text("hello")
    (made / "inside" / "b.bin").write_bytes(os.urandom(1000))
    return made


def test_a_model_folder_comes_back_as_it_was(ml_client: Client, name: str, folder: Path, tmp_path: Path) -> None:
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, path=str(folder), description="first"))
    client.models.download(name, "1", download_path=str(tmp_path / "back"))
    back = tmp_path / "back" / name / "weights"
    assert {path.relative_to(back).as_posix() for path in back.rglob("*") if path.is_file()} == {
        "a.txt",
        "inside/b.bin",
    }
    assert (back / "inside" / "b.bin").read_bytes() == (folder / "inside" / "b.bin").read_bytes()
    assert client.models.get(name, "1").description == "first"


def test_a_model_file_comes_back_as_it_was(ml_client: Client, name: str, folder: Path, tmp_path: Path) -> None:
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, path=str(folder / "a.txt")))
    client.models.download(name, "1", download_path=str(tmp_path / "back"))
    assert (tmp_path / "back" / name / "a.txt").read_text() == "hello"


def test_a_model_larger_than_one_request_is_uploaded_in_blocks(
    ml_client: Client, azure: RunningEmulator, name: str, tmp_path: Path
) -> None:
    content = os.urandom(1 << 20) * 70
    (tmp_path / "big.bin").write_bytes(content)
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, path=str(tmp_path / "big.bin")))
    client.models.download(name, "1", download_path=str(tmp_path / "back"))
    assert (tmp_path / "back" / name / "big.bin").read_bytes() == content
    assert any("comp=blocklist" in request["query"] for request in azure.requests())


def test_versions_count_up_and_latest_is_the_last(ml_client: Client, name: str, folder: Path) -> None:
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, version="9", path=str(folder / "a.txt")))
    client.models.create_or_update(Model(name=name, path=str(folder)))
    assert [model.version for model in client.models.list(name)] == ["10", "9"]
    assert client.models.get(name, label="latest").version == "10"
    assert next(each for each in client.models.list() if each.name == name).latest_version == "10"


def test_the_path_of_a_version_never_changes(ml_client: Client, name: str, folder: Path) -> None:
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, version="1", path=str(folder)))
    with pytest.raises(HttpResponseError, match="Asset paths cannot be updated"):
        client.models.create_or_update(Model(name=name, version="1", path=str(folder / "a.txt")))


def test_the_same_version_again_changes_only_its_tags(ml_client: Client, name: str, folder: Path) -> None:
    client = ml_client("ws-dev")
    first = client.models.create_or_update(Model(name=name, version="1", path=str(folder), tags={"a": "1"}))
    again = client.models.create_or_update(Model(name=name, version="1", path=str(folder), tags={"a": "2"}))
    assert again.path == first.path
    assert client.models.get(name, "1").tags == {"a": "2"}


def test_an_archived_version_is_not_listed_and_not_latest(ml_client: Client, name: str, folder: Path) -> None:
    client = ml_client("ws-dev")
    for version in ("1", "2"):
        client.models.create_or_update(Model(name=name, version=version, path=str(folder)))
    client.models.archive(name, "2")
    assert [model.version for model in client.models.list(name)] == ["1"]
    assert client.models.get(name, label="latest").version == "1"
    assert client.models.get(name, "2").version == "2"
    client.models.restore(name, "2")
    assert client.models.get(name, label="latest").version == "2"


def test_an_archived_model_is_not_listed(ml_client: Client, name: str, folder: Path) -> None:
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, path=str(folder)))
    client.models.archive(name)
    assert name not in {model.name for model in client.models.list()}
    client.models.restore(name)
    assert name in {model.name for model in client.models.list()}


def test_a_registered_copy_does_not_change_with_its_source(
    ml_client: Client, azure: RunningEmulator, name: str, folder: Path, tmp_path: Path
) -> None:
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, path=str(folder)))
    for uploaded in (azure.data / "blobs").rglob("LocalUpload/*/weights/a.txt"):
        uploaded.write_text("changed in place")
    client.models.download(name, "1", download_path=str(tmp_path / "back"))
    assert (tmp_path / "back" / name / "weights" / "a.txt").read_text() == "hello"


def test_an_unknown_model_is_not_found(ml_client: Client) -> None:
    with pytest.raises(ResourceNotFoundError, match="Could not find asset"):
        ml_client("ws-dev").models.get("nobody", "1")


def test_a_model_of_a_missing_job_is_not_found(ml_client: Client, name: str) -> None:
    with pytest.raises(HttpResponseError):
        ml_client("ws-dev").models.create_or_update(
            Model(name=name, path="azureml://jobs/nobody/outputs/model/paths/model.pkl")
        )
    with pytest.raises(ResourceNotFoundError):
        ml_client("ws-dev").models.get(name, "1")


def test_an_mlflow_model_without_its_file_is_refused(ml_client: Client, name: str, folder: Path) -> None:
    with pytest.raises(Exception, match="MLmodel"):
        ml_client("ws-dev").models.create_or_update(Model(name=name, path=str(folder), type="mlflow_model"))


def test_an_mlflow_model_has_its_flavors(ml_client: Client, name: str, folder: Path) -> None:
    (folder / "MLmodel").write_text("flavors:\n  python_function:\n    loader_module: mlflow.sklearn\n")
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, path=str(folder), type="mlflow_model"))
    assert client.models.get(name, "1").flavors == {"python_function": {"loader_module": "mlflow.sklearn"}}


def test_names_are_compared_without_case(ml_client: Client, name: str, folder: Path) -> None:
    client = ml_client("ws-dev")
    client.models.create_or_update(Model(name=name, version="1", path=str(folder)))
    assert client.models.get(name.upper(), "1").path == client.models.get(name, "1").path


def test_workspaces_do_not_see_each_others_models(ml_client: Client, name: str, folder: Path) -> None:
    ml_client("ws-dev").models.create_or_update(Model(name=name, version="1", path=str(folder)))
    with pytest.raises(ResourceNotFoundError):
        ml_client("ws-prod").models.get(name, "1")
