"""What goes into a deployment's container: model, code, environment variables."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulator import grants
from emulator.assets import codes, find, models
from emulator.blob import files
from emulator.errors import BadRequest, OperationFailed
from emulator.online import durations, fleet, limits, logs, records, rules
from emulator.online.fleet import Container
from emulator.online.refusals import TROUBLESHOOTING, Invalid
from emulator.online.replica import Probe
from emulator.registry.registries import registry_id
from emulator.state import Emulator
from emulator.store import Document

_READ = "Microsoft.MachineLearningServices/registries/assets/read"

# Azure's servers have no more of the machine's environment than this.
_INHERITED = ("PATH", "LANG", "LC_ALL", "TMPDIR", "TZ")


def check(azure: Emulator, workspace: Document, wanted: Document) -> None:
    """Raise what Azure answers at once when the assets of a deployment are not there."""
    model = wanted["model"]
    if model is not None and not isinstance(model, str):
        raise Invalid("The model must be the id of a registered model.", field="model")
    found = find.version(azure, model, kind="models", workspace=workspace["name"]) if model else None
    code = wanted["codeConfiguration"] or {}
    if not code.get("codeId"):
        if found and str(found["properties"].get("modelType", "")).lower() == "mlflow_model":
            raise BadRequest(
                "MLflow models without score code are not emulated: give the deployment a code configuration and an "
                "environment.",
                code="NotEmulated",
            )
        raise Invalid(
            "A code configuration is required: custom containers are not emulated.", field="codeConfiguration"
        )
    if not code.get("scoringScript"):
        raise Invalid("The scoring script is required.", field="codeConfiguration.scoringScript")
    find.version(azure, code["codeId"], kind="codes", workspace=workspace["name"])
    if not wanted["environmentId"]:
        raise Invalid("An environment is required for a model that is not an MLflow model.", field="environmentId")
    environment = find.version(azure, wanted["environmentId"], kind="environments", workspace=workspace["name"])
    limits.check_environment(environment["properties"])


def revision_folder(azure: Emulator, deployment: Document, revision: int) -> Path:
    return logs.folder(azure, deployment) / f"revision-{revision}"


def mount(azure: Emulator, deployment: Document, *, revision: int) -> None:
    """Copy model and code to where the processes of this revision find them. Blocks; may be repeated."""
    properties = deployment["properties"]
    _require_pull(azure, deployment)
    root = revision_folder(azure, deployment, revision)
    shutil.rmtree(root, ignore_errors=True)
    note = _StorageLog(logs.storage_log(azure, deployment))
    code = codes.content(azure, properties["codeConfiguration"]["codeId"])
    note(f"Downloading code {properties['codeConfiguration']['codeId']}")
    shutil.copytree(code, root / "code")
    script = properties["codeConfiguration"]["scoringScript"]
    if not files.inside(root / "code", script).is_file():
        raise OperationFailed(
            "BadArgument", f"The scoring script {script} is not in the code. {TROUBLESHOOTING}#error-badargument"
        )
    if properties["model"]:
        version = find.version(azure, properties["model"], kind="models", workspace=deployment["workspace"])
        content = models.content(azure, properties["model"])
        note(f"Downloading model {properties['model']} ({(version.get('_') or {}).get('digest', 'no digest')})")
        _place(content, model_folder(root, version) / content.name)
    note("Done.")


def _require_pull(azure: Emulator, deployment: Document) -> None:
    """A user-assigned identity reads the registry only if somebody let it; of an endpoint's own nobody outside Microsoft knows more."""
    endpoint = records.require_endpoint(azure, deployment["workspace"], deployment["endpoint"])
    if endpoint["identity"]["type"].lower() != "userassigned":
        return
    assets = (("models", "model"), ("environments", "environmentId"))
    named = [(kind, deployment["properties"][field]) for kind, field in assets if deployment["properties"][field]]
    places = [find.parse(azure, asset, kind=kind, workspace=deployment["workspace"]) for kind, asset in named]
    registries = {each.owner for each in places if each.owner_kind == "registries"}
    for name in registries:
        scope = registry_id(azure.store.get("registries", name) or {})
        for each in endpoint["identity"]["userAssignedIdentities"].values():
            if not grants.may(azure, each["principalId"], _READ, scope=scope):
                raise OperationFailed(
                    "BadArgument",
                    f"Endpoint identity does not have pull permission on the registry. {TROUBLESHOOTING}#error-badargument",
                )


def model_folder(root: Path, version: Document) -> Path:
    """``AZUREML_MODEL_DIR``: ``azureml-models/<name>/<version>``, in which the model's own file or folder lies."""
    return root / "azureml-models" / str(version["name"]) / str(version["version"])


def container(azure: Emulator, deployment: Document, serving: Document) -> Container:
    """How to start the processes of a revision that was mounted; ``serving``: see ``records``."""
    properties, instances = serving["properties"], int(serving["instances"])
    root = revision_folder(azure, deployment, serving["revision"])
    variables = properties["environmentVariables"]
    for name, value in variables.items():
        if value.startswith("${{"):
            raise OperationFailed(
                "SecretsInjectionError", f"The environment variable {name} refers to a secret: that is not emulated."
            )
    environment = {name: os.environ[name] for name in _INHERITED if name in os.environ} | {
        "HOME": str(root),
        **variables,
        "AML_APP_ROOT": str(root / "code"),
        "AZUREML_ENTRY_SCRIPT": properties["codeConfiguration"]["scoringScript"],
    }
    if properties["model"]:
        version = find.version(azure, properties["model"], kind="models", workspace=deployment["workspace"])
        environment["AZUREML_MODEL_DIR"] = str(model_folder(root, version))
    return Container(
        environment=environment,
        folder=root / "code",
        log_file=logs.server_log(azure, deployment),
        processes=fleet.processes(instances=instances, environment=variables),
        capacity=rules.concurrency(properties["requestSettings"], instances=instances),
        timeout=durations.seconds(properties["requestSettings"]["requestTimeout"], field="requestTimeout"),
        readiness=_probe(properties["readinessProbe"]),
        liveness=_probe(properties["livenessProbe"]),
    )


def _probe(settings: dict[str, Any]) -> Probe:
    return Probe(
        initial_delay=durations.seconds(settings["initialDelay"], field="initialDelay"),
        period=durations.seconds(settings["period"], field="period"),
        timeout=durations.seconds(settings["timeout"], field="timeout"),
        failures=settings["failureThreshold"],
    )


def _place(content: Path, to: Path) -> None:
    """Real folders with hard links to the files: walks as a copy does and takes no room."""
    to.parent.mkdir(parents=True, exist_ok=True)
    if content.is_dir():
        shutil.copytree(content, to, copy_function=_link)
    else:
        _link(str(content), str(to))


def _link(source: str, to: str) -> None:
    try:
        os.link(source, to)
    except OSError:  # another file system, or one without hard links
        shutil.copy2(source, to)


class _StorageLog:
    """The storage initializer's own log."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._file = file

    def __call__(self, message: str) -> None:
        with self._file.open("a") as opened:
            opened.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {message}\n")
