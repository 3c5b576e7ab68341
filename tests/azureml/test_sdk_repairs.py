"""What is mended in the SDK: seen in processes of their own, since it breaks on the first use only."""

import subprocess
import sys
from pathlib import Path

import pytest
from azure.ai.ml._utils import _endpoint_utils, _registry_utils
from azure.ai.ml.entities import ManagedOnlineDeployment
from azure.ai.ml.operations._operation_orchestrator import OperationOrchestrator

import app.azureml.client

assert app.azureml.client, "repairs the SDK where it is imported"
ROOT = Path(__file__).parents[2]
# Many threads that meet at the first use of a model, on an interpreter that changes between them as often as it can; in children,
# each of which uses it for the first time. Without the repair about one child in six sees it.
FIRST_USE = """
import os, sys, threading
import app.azureml.client
from azure.ai.ml._restclient.arm_ml_service.models import Workspace

def use():
    sys.setswitchinterval(1e-6)
    together, seen = threading.Barrier(16), []

    def read():
        together.wait()
        try:
            seen.append(Workspace({"location": "eastus", "properties": {"workspaceId": "ours"}}).workspace_id)
        except AttributeError as broken:
            seen.append(repr(broken))

    threads = [threading.Thread(target=read) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return seen == ["ours"] * 16

for _ in range(40):
    child = os.fork()
    if child == 0:
        os._exit(0 if use() else 1)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_models_are_whole_for_every_thread_from_the_first_use_on() -> None:
    seen = subprocess.run([sys.executable, "-c", FIRST_USE], cwd=ROOT, capture_output=True, text=True, check=True)

    assert seen.stdout.split() == ["0"] * 40


def test_nothing_is_asked_of_a_registry_before_its_model_is_deployed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(_registry_utils, "get_registry_client", lambda **client: asked.append(client))
    deployment = ManagedOnlineDeployment(
        name="blue",
        endpoint_name="churn",
        model="azureml://registries/reg-shared/models/churn/versions/1",
        environment="azureml://registries/reg-shared/environments/churn/versions/1",
    )

    _endpoint_utils.upload_dependencies(deployment, OperationOrchestrator({}, None, None), credential=object())  # type: ignore[arg-type] # none is used

    assert asked == []
