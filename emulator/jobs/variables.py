"""The environment of a job's process: what Azure ML sets, and nothing of the emulator's own."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from emulator import arm, certificates
from emulator.identity import Principal, add_principal, issue
from emulator.jobs import runs
from emulator.rights import Assignment
from emulator.state import Emulator
from emulator.store import Document


def of_run(
    azure: Emulator,
    workspace: Document,
    run: Document,
    *,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    home: Path,
) -> dict[str, str]:
    """The variables of a run's process; those of the job come last, so that a team may override Azure's."""
    token, _ = issue(azure, _identity(azure, workspace), audience=azure.base_url)
    experiment = runs.experiment_id(workspace["name"], run["experiment"])
    return {
        **_of_node(azure, home),
        "AZUREML_RUN_ID": run["name"],
        "AZUREML_ROOT_RUN_ID": run["root"],
        "AZUREML_RUN_TOKEN": token,
        "AZUREML_ARM_SUBSCRIPTION": workspace["subscription"],
        "AZUREML_ARM_RESOURCEGROUP": workspace["group"],
        "AZUREML_ARM_WORKSPACE_NAME": workspace["name"],
        "AZUREML_ARM_PROJECT_NAME": run["experiment"],
        "AZUREML_WORKSPACE_ID": workspace["workspaceId"],
        "AZUREML_WORKSPACE_SCOPE": arm.workspace_id(workspace),
        "AZUREML_EXPERIMENT_ID": experiment,
        "AZUREML_SERVICE_ENDPOINT": azure.base_url,
        "AZUREML_DISCOVERY_SERVICE_ENDPOINT": f"{azure.base_url}/discovery",
        "MLFLOW_TRACKING_URI": tracking_uri(azure, workspace),
        "MLFLOW_TRACKING_TOKEN": token,
        "MLFLOW_RUN_ID": run["name"],
        "MLFLOW_EXPERIMENT_ID": experiment,
        "MLFLOW_EXPERIMENT_NAME": run["experiment"],
        **{f"AZURE_ML_INPUT_{name}": value for name, value in inputs.items()},
        **{f"AZURE_ML_OUTPUT_{name}": value for name, value in outputs.items()},
        **run["work"]["variables"],
    }


def tracking_uri(azure: Emulator, workspace: Document) -> str:
    """Where MLflow's REST interface is. Azure writes azureml:// and needs a plug-in to read that; plain MLflow reads this."""
    return f"{azure.base_url}/mlflow/v1.0{arm.workspace_id(workspace)}"


def _identity(azure: Emulator, workspace: Document) -> Principal:
    """Who a workspace's jobs are: a principal with a data scientist's rights there and none elsewhere."""
    with azure.store.transaction():
        kept = azure.store.get("workspaces", workspace["name"], "run_identity")
        if kept is not None:
            return Principal.model_validate(kept)
        rights = Assignment(scope=arm.workspace_id(workspace), role="AzureML Data Scientist")
        principal = add_principal(azure, name=f"jobs of {workspace['name']}", assignments=[rights])
        azure.store.put("workspaces", workspace["name"], "run_identity", body=principal.model_dump())
        return principal


def _of_node(azure: Emulator, home: Path) -> dict[str, str]:
    """What the image and the node give: a path with our Python as ``python``, and where to find the certificates."""
    authority = str(certificates.ensure(azure.data).authority)
    return {
        "PATH": os.pathsep.join(
            [str(_python(azure)), str(Path(sys.executable).parent), "/usr/local/bin", "/usr/bin", "/bin"]
        ),
        "HOME": str(home),
        "TMPDIR": str(home),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",  # so that a log can be followed while it is written
        "PYTHONDONTWRITEBYTECODE": "1",
        "REQUESTS_CA_BUNDLE": authority,
        "SSL_CERT_FILE": authority,
    }


def _python(azure: Emulator) -> Path:
    """A folder in which ``python`` is the interpreter that the emulator runs on, whatever that is called."""
    folder = azure.data / "jobs" / "bin"
    program = folder / "python"
    script = f'#!/bin/sh\nexec {shlex.quote(sys.executable)} "$@"\n'
    if not program.exists() or program.read_text() != script:
        folder.mkdir(parents=True, exist_ok=True)
        beside = folder / f".python.{os.getpid()}"
        beside.write_text(script)
        beside.chmod(0o755)
        beside.replace(program)
    return folder
