"""A definition's folder that is fine, to be spoilt one way at a time."""

from pathlib import Path

import pytest

RELEASE = """\
model:
  name: churn
  type: custom_model
  file: model.pkl
environment: azureml:churn-env@latest
endpoint: endpoint.yml
deployment: deployment.yml
checks:
  golden: golden.json
stages:
  - name: dev
    workspace: ws-dev
    resource_group: rg-ml
    endpoint: churn-dev
    key_vault: kv-dev
  - name: prod
    workspace: ws-prod
    resource_group: rg-ml
    registry: reg-shared
    endpoint: churn-prod
    key_vault: kv-prod
    approval: required
"""
ENDPOINT = """\
$schema: https://azuremlschemas.azureedge.net/latest/managedOnlineEndpoint.schema.json
auth_mode: key
tags:
  team: growth
"""
DEPLOYMENT = """\
code_configuration:
  code: ./src
  scoring_script: score.py
instance_type: Standard_E2s_v3
instance_count: 1
request_settings:
  request_timeout_ms: 5000
"""
SCORE = """\
def init():
    pass


def run(raw_data):
    return raw_data
"""
GOLDEN = '[\n  {"request": {"data": [1]}, "expect": {"predictions": [0]}}\n]\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "churn"
    (folder / "src").mkdir(parents=True)
    (folder / "release.yml").write_text(RELEASE)
    (folder / "endpoint.yml").write_text(ENDPOINT)
    (folder / "deployment.yml").write_text(DEPLOYMENT)
    (folder / "src" / "score.py").write_text(SCORE)
    (folder / "golden.json").write_text(GOLDEN)
    return folder


def change(file: Path, before: str, after: str) -> None:
    """Replace exactly one piece of a file."""
    text = file.read_text()
    assert text.count(before) == 1, f"{before!r} is {text.count(before)} times in {file.name}"
    file.write_text(text.replace(before, after))
