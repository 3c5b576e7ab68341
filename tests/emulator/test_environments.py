"""Environments, code, data and components through the real SDK."""

import uuid
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from azure.ai.ml import MLClient, load_component
from azure.ai.ml.entities import Data, Environment
from azure.core.exceptions import HttpResponseError, ResourceExistsError

from emulator.assets.environments import missing_packages
from emulator.errors import OperationFailed

Client = Callable[[str], MLClient]


@pytest.fixture
def name() -> str:
    return f"asset_{uuid.uuid4().hex[:8]}"


def test_an_environment_comes_back_as_it_was(ml_client: Client, name: str) -> None:
    conda = {"name": "x", "channels": ["conda-forge"], "dependencies": ["python=3.11", {"pip": ["scikit-learn"]}]}
    client = ml_client("ws-dev")
    client.environments.create_or_update(Environment(name=name, version="1", image="img:1", conda_file=conda))
    found = client.environments.get(name, "1")
    assert (found.image, found.conda_file) == ("img:1", conda)


def test_an_environment_version_never_changes(ml_client: Client, name: str) -> None:
    client = ml_client("ws-dev")
    client.environments.create_or_update(Environment(name=name, version="1", image="img:1"))
    with pytest.raises(ResourceExistsError, match="immutable"):
        client.environments.create_or_update(Environment(name=name, version="1", image="img:2"))


def test_an_environment_without_a_version_gets_the_next_when_it_differs(ml_client: Client, name: str) -> None:
    client = ml_client("ws-dev")
    versions = [
        client.environments.create_or_update(Environment(name=name, image=image)).version
        for image in ("img:1", "img:1", "img:2")
    ]
    assert versions == ["1", "1", "2"]
    assert client.environments.get(name, label="latest").image == "img:2"


def test_an_archived_environment_is_not_listed(ml_client: Client, name: str) -> None:
    client = ml_client("ws-dev")
    client.environments.create_or_update(Environment(name=name, version="1", image="img:1"))
    client.environments.archive(name, "1")
    assert list(client.environments.list(name)) == []
    client.environments.restore(name, "1")
    assert [each.version for each in client.environments.list(name)] == ["1"]


def test_data_refers_to_what_was_uploaded(ml_client: Client, name: str, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    client = ml_client("ws-dev")
    made = client.data.create_or_update(Data(name=name, path=str(tmp_path / "rows.csv"), type="uri_file"))
    assert made.version == "1"
    found = client.data.get(name, label="latest")
    assert found.path.startswith("azureml://subscriptions/")
    assert found.path.endswith("/rows.csv")
    with pytest.raises(HttpResponseError):
        client.data.create_or_update(
            Data(name=name, version="1", path=found.path.replace("rows", "other"), type="uri_file")
        )


@pytest.fixture
def component_folder(ml_client: Client, name: str, tmp_path: Path) -> Path:
    ml_client("ws-dev").environments.create_or_update(Environment(name=name, version="1", image="img:1"))
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "main.py").write_text(f"print('{name}')\n")
    (tmp_path / "component.yml").write_text(
        f"""
type: command
name: {name}
version: "1"
inputs:
  x: {{type: number, default: 1}}
  note: {{type: string, optional: true}}
outputs:
  result: {{type: uri_folder}}
code: ./src
environment: azureml:{name}:1
command: python main.py ${{{{inputs.x}}}} $[[--note ${{{{inputs.note}}}}]]
"""
    )
    return tmp_path


def test_a_component_comes_back_as_it_was(ml_client: Client, name: str, component_folder: Path) -> None:
    client = ml_client("ws-dev")
    client.components.create_or_update(load_component(component_folder / "component.yml"))
    found = client.components.get(name, "1")
    assert found.command == "python main.py ${{inputs.x}} $[[--note ${{inputs.note}}]]"
    assert found.inputs["note"].optional
    assert found.outputs["result"].type == "uri_folder"
    assert client.components.get(name, label="latest").version == "1"


def test_the_same_component_again_is_no_change(ml_client: Client, component_folder: Path) -> None:
    client = ml_client("ws-dev")
    first = client.components.create_or_update(load_component(component_folder / "component.yml"))
    again = client.components.create_or_update(load_component(component_folder / "component.yml"))
    assert (first.id, first.code) == (again.id, again.code)


def test_the_same_code_is_uploaded_once(ml_client: Client, name: str, component_folder: Path) -> None:
    client = ml_client("ws-dev")
    first = client.components.create_or_update(load_component(component_folder / "component.yml"))
    other = load_component(component_folder / "component.yml", params_override=[{"name": f"{name}_b"}])
    assert client.components.create_or_update(other).code == first.code
    (component_folder / "src" / "main.py").write_text("print('changed')\n")
    third = load_component(component_folder / "component.yml", params_override=[{"name": f"{name}_c"}])
    assert client.components.create_or_update(third).code != first.code


def test_code_comes_back_as_it_was(ml_client: Client, name: str, component_folder: Path, tmp_path: Path) -> None:
    client = ml_client("ws-dev")
    made = client.components.create_or_update(load_component(component_folder / "component.yml"))
    parts = str(made.code).split("/")
    client._code.download(parts[-3], parts[-1], tmp_path / "back")
    assert (tmp_path / "back" / "main.py").read_text() == f"print('{name}')\n"


def test_a_component_of_a_missing_environment_is_refused(ml_client: Client, name: str, component_folder: Path) -> None:
    written = (component_folder / "component.yml").read_text()
    (component_folder / "component.yml").write_text(written.replace(f"azureml:{name}:1", f"azureml:{name}:7"))
    with pytest.raises(HttpResponseError, match="environment does not exist"):
        ml_client("ws-dev").components.create_or_update(load_component(component_folder / "component.yml"))


def test_what_is_installed_here_can_be_built() -> None:
    conda = f"""
dependencies:
  - python=3.11
  - pip
  - conda-forge::scikit-learn>=1.0
  - numpy={version("numpy")}
  - pip:
      - azureml-inference-server-http
      - mlflow-skinny==2.1
      - pydantic=={version("pydantic")}
"""
    assert missing_packages(conda) == []


@pytest.mark.parametrize("package", ["inference-schema[numpy-support]", "azureml-defaults", "azureml-core", "mlflow"])
def test_a_package_of_azures_that_is_not_here_is_named_too(package: str) -> None:
    assert missing_packages(f"dependencies:\n- pip:\n  - {package}\n") == [f"{package} (not installed)"]


def test_what_is_not_installed_here_is_named() -> None:
    missing = missing_packages("dependencies:\n- no-such-package\n- pip:\n  - scikit-learn==0.1\n")
    assert [each.partition(" ")[0] for each in missing] == ["no-such-package", "scikit-learn==0.1"]


@pytest.mark.parametrize("conda", ["dependencies: [", "just a text", "name: x"])
def test_a_conda_file_that_is_none_fails_the_build(conda: str) -> None:
    with pytest.raises(OperationFailed) as failure:
        missing_packages(conda)
    assert failure.value.code == "ImageBuildFailure"
