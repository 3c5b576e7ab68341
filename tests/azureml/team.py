"""What a small team brings: a pipeline that makes a model, and the code that serves it."""

import json
from pathlib import Path

_TRAIN = """
import os, pathlib, sys, urllib.request
out = pathlib.Path(sys.argv[1])
(out / "inside").mkdir(parents=True, exist_ok=True)
(out / "factor.json").write_text(sys.argv[2])
(out / "inside" / "note.txt").write_text("made by the test team")
"""

_SCORE = """
import json, os, pathlib

def init():
    global factor
    found = sorted(pathlib.Path(os.environ["AZUREML_MODEL_DIR"]).rglob("factor.json"))
    factor = json.loads(found[0].read_text())

def run(raw_data):
    return {"predictions": [factor * x for x in json.loads(raw_data)["data"]]}
"""

ANSWERING_ZERO = """
import json

def init():
    pass

def run(raw_data):
    return {"predictions": [0 for _ in json.loads(raw_data)["data"]]}
"""

ENVIRONMENT = """
$schema: https://azuremlschemas.azureedge.net/latest/environment.schema.json
name: team-env
version: "1"
image: mcr.microsoft.com/azureml/minimal-ubuntu22.04-py39-cpu-inference:latest
conda_file: conda.yml
"""

_CONDA = """
name: team
channels: [conda-forge]
dependencies:
  - python=3.11
"""

_COMPONENT = """
type: command
name: team_train
version: "1"
inputs:
  factor:
    type: number
outputs:
  model:
    type: uri_folder
code: ./src
environment: azureml:team-env@latest
command: python train.py ${{outputs.model}} ${{inputs.factor}}
"""


def write_training(
    folder: Path, *, factor: float = 3, command: str | None = None, model_type: str = "uri_folder"
) -> Path:
    """A pipeline job's folder; its entry is pipeline.yml."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "train.py").write_text(_TRAIN)
    component = _COMPONENT if command is None else _COMPONENT.replace("python train.py", command)
    component = component.replace("uri_folder", model_type)
    (folder / "train.yml").write_text(component)
    (folder / "environment.yml").write_text(ENVIRONMENT)
    (folder / "conda.yml").write_text(_CONDA)
    (folder / "pipeline.yml").write_text(
        f"""
type: pipeline
display_name: team-model
experiment_name: team
settings:
  default_compute: azureml:cpu-cluster
outputs:
  model:
    type: {model_type}
jobs:
  train:
    type: command
    component: ./train.yml
    inputs:
      factor: {factor}
    outputs:
      model: ${{{{parent.outputs.model}}}}
"""
    )
    return folder


# Of prod's settings the steps read what they are told to, by the stage's name.
_RELEASE = """
model: {name: churn}
checks: {golden: golden.json}
stages:
  - {name: dev, workspace: ws-dev, resource_group: rg-ml, endpoint: churn-dev}
  - name: prod
    workspace: ws-prod
    resource_group: rg-ml
    registry: reg-shared
    endpoint: churn-prod
    endpoint_settings: {description: of prod, tags: {cost-center: "7"}}
    deployment:
      environment_variables: {LEVEL: high, FLAG: null}
      request_settings: {request_timeout_ms: 7000}
"""


def write_bundle(folder: Path, *, factor: float = 3, score: str = _SCORE) -> Path:
    """A definition's folder: endpoint, deployment, score code, golden requests."""
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "score.py").write_text(score)
    (folder / "release.yml").write_text(_RELEASE)
    (folder / "endpoint.yml").write_text("auth_mode: key\ndescription: for tests\ntags:\n  team: a\n")
    (folder / "deployment.yml").write_text(
        """
code_configuration:
  code: ./src
  scoring_script: score.py
instance_type: Standard_E2s_v3
instance_count: 1
"""
    )
    (folder / "golden.json").write_text(
        json.dumps(
            [
                {"request": {"data": [1, 2]}, "expect": {"predictions": [factor, 2 * factor]}},
                {"request": {"data": []}, "expect": {"predictions": []}},
            ]
        )
    )
    return folder
