"""The whole way of a model through the real SDK: trained by a job, registered, shared, deployed from the registry, asked."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from azure.ai.ml import MLClient, Output, command, dsl, load_component
from azure.ai.ml.entities import (
    CodeConfiguration,
    Environment,
    ManagedOnlineDeployment,
    ManagedOnlineEndpoint,
    Model,
    PipelineJobSettings,
)

from tests.emulator.running import RunningEmulator

Client = Callable[[str], MLClient]

_TRAIN = """
import pathlib, sys
out = pathlib.Path(sys.argv[1])
out.mkdir(parents=True, exist_ok=True)
(out / "factor.txt").write_text(sys.argv[2])
"""
_SCORE = """
import json, os, pathlib

def init():
    global factor
    factor = float((pathlib.Path(os.environ["AZUREML_MODEL_DIR"]) / "factor.txt").read_text())

def run(raw_data):
    return {"predictions": [factor * x for x in json.loads(raw_data)["data"]]}
"""
_COMPONENT = """
type: command
name: journey_train
inputs:
  factor: {type: number}
outputs:
  model: {type: uri_folder}
code: ./train
environment: azureml:ENVIRONMENT:1
command: python train.py ${{outputs.model}} ${{inputs.factor}}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, code in (("train", _TRAIN), ("score", _SCORE)):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.py").write_text(code)
    return tmp_path


def test_a_model_goes_from_a_job_to_an_endpoint_in_another_workspace(
    ml_client: Client, registry_client: Client, azure: RunningEmulator, folder: Path
) -> None:
    name = f"journey-{uuid.uuid4().hex[:8]}"
    dev, prod, registry = ml_client("ws-dev"), ml_client("ws-prod"), registry_client("reg-shared")

    dev.environments.create_or_update(Environment(name=name, version="1", image="img:1"))
    (folder / "train.yml").write_text(_COMPONENT.replace("ENVIRONMENT", name))
    train = load_component(folder / "train.yml")

    @dsl.pipeline
    def pipeline(factor: float) -> dict[str, Output]:
        return {"model": train(factor=factor).outputs.model}

    made = pipeline(factor=3.0)
    made.settings = PipelineJobSettings(default_compute="cpu-cluster")
    job = dev.jobs.create_or_update(made, experiment_name="journey")
    dev.jobs.stream(job.name)
    assert dev.jobs.get(job.name).status == "Completed"

    path = f"azureml://jobs/{job.name}/outputs/model/paths/factor.txt"
    registered = dev.models.create_or_update(Model(name=name, version="1", path=path))
    assert registered.job_name == job.name
    for share in (dev.models.share, dev.environments.share):
        share(name, "1", share_with_name=name, share_with_version="1", registry_name="reg-shared")

    prod.online_endpoints.begin_create_or_update(ManagedOnlineEndpoint(name=name)).result()
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name=name,
        model=registry.models.get(name, "1").id,
        environment=registry.environments.get(name, "1").id,
        code_configuration=CodeConfiguration(code=str(folder / "score"), scoring_script="score.py"),
        instance_type="Standard_E2s_v3",
        instance_count=1,
    )
    prod.online_deployments.begin_create_or_update(deployment).result()
    endpoint = prod.online_endpoints.get(name)
    endpoint.traffic = {"blue": 100}
    prod.online_endpoints.begin_create_or_update(endpoint).result()

    key = prod.online_endpoints.get_keys(name).primary_key
    answer = azure.client.post(endpoint.scoring_uri, json={"data": [1, 2]}, headers={"Authorization": f"Bearer {key}"})
    assert answer.json() == {"predictions": [3.0, 6.0]}
    prod.online_endpoints.begin_delete(name).result()


def test_a_model_of_a_jobs_own_artifacts_is_registered(ml_client: Client, folder: Path, tmp_path: Path) -> None:
    client = ml_client("ws-dev")
    name = f"journey-{uuid.uuid4().hex[:8]}"
    client.environments.create_or_update(Environment(name=name, version="1", image="img:1"))
    job = client.jobs.create_or_update(
        command(
            code=str(folder / "train"),
            command="python train.py outputs/model ${{inputs.factor}}",
            environment=f"{name}:1",
            compute="cpu-cluster",
            inputs={"factor": 7},
        )
    )
    client.jobs.stream(job.name)
    path = f"azureml://jobs/{job.name}/outputs/artifacts/paths/outputs/model"
    client.models.create_or_update(Model(name=name, version="1", path=path))
    client.models.download(name, "1", download_path=str(tmp_path / "back"))
    assert (tmp_path / "back" / name / "model" / "factor.txt").read_text().startswith("7")
