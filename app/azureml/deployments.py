"""Online deployments: made, looked at, removed. Every change only begins here; look again to see its end."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from azure.ai.ml import load_online_deployment
from azure.ai.ml.entities import OnlineDeployment

from app.azureml.confined import child_azure, run_confined
from app.azureml.errors import NotFound
from app.azureml.facade import AzureML
from app.azureml.sdk_values import word, words
from app.azureml.translation import translated
from app.azureml.types import Deployment
from app.azureml.yaml_files import as_source, read_mapping
from app.bundles.local_paths import require_local_paths
from app.documents.json_object import Json
from app.documents.merging import merged
from app.planning.places import Place

_SECTIONS = ("request_settings", "liveness_probe", "readiness_probe")
_SINGLE_SETTINGS = ("app_insights_enabled", "egress_public_network_access", "model_mount_path")


@dataclass(frozen=True)
class WantedDeployment:
    """What a deployment shall be. ``model`` and ``environment`` are ids; None leaves what the YAML says."""

    endpoint: str
    name: str
    file: Path
    folder: Path  # that the file is part of, and all that it may name
    model: str
    environment: str
    instance_type: str | None
    instance_count: int | None
    tags: Mapping[str, str]
    overrides: Json = field(default_factory=dict)  # laid over what the file says


def get_deployment(azure: AzureML, workspace: Place, endpoint: str, name: str) -> Deployment | None:
    """The deployment as it is now, or None."""
    try:
        with azure.connect(workspace, doing=f"read deployment {endpoint}/{name} in {workspace}") as client:
            return _plain(client.online_deployments.get(name, endpoint))
    except NotFound:
        return None


def list_deployments(azure: AzureML, workspace: Place, endpoint: str) -> list[Deployment]:
    """All of an endpoint's. Raises NotFound when there is no such endpoint."""
    with azure.connect(workspace, doing=f"list the deployments of endpoint {endpoint} in {workspace}") as client:
        return [_plain(deployment) for deployment in client.online_deployments.list(endpoint)]


def read_deployment_file(wanted: WantedDeployment) -> Deployment:
    """What the YAML and the overrides ask for together. Raises BadRequest."""
    with translated(f"read {wanted.file.name}"):
        return _plain(_load(wanted))


def begin_create_deployment(azure: AzureML, workspace: Place, wanted: WantedDeployment) -> None:
    """Upload the code and ask for the deployment, at no traffic. Raises Busy while the endpoint is being changed."""
    doing = f"create deployment {wanted.endpoint}/{wanted.name} in {workspace}"
    arguments = {"workspace": workspace, "wanted": wanted, "doing": doing}
    run_confined(azure, f"{__name__}:begin_in_child", arguments, folder=wanted.folder, doing=doing)


def begin_in_child(workspace: Place, wanted: WantedDeployment, doing: str, settings: Mapping[str, Any]) -> None:
    """What ``begin_create_deployment`` has done in a child process."""
    file = wanted.file.relative_to(wanted.folder).as_posix()
    require_local_paths(wanted.folder, [file], overrides=wanted.overrides)
    with child_azure(settings).connect(workspace, doing=doing) as client:
        client.online_deployments.begin_create_or_update(_load(wanted))


def begin_delete_deployment(azure: AzureML, workspace: Place, endpoint: str, name: str) -> None:
    """Ask for its end. Raises BadRequest while it has traffic."""
    with azure.connect(workspace, doing=f"delete deployment {endpoint}/{name} in {workspace}") as client:
        client.online_deployments.begin_delete(name, endpoint)


def begin_scale(azure: AzureML, workspace: Place, endpoint: str, name: str, *, instances: int) -> None:
    """Ask for so many machines, and keep everything else. Raises Busy while the endpoint is being changed."""
    with azure.connect(workspace, doing=f"scale deployment {endpoint}/{name} in {workspace}") as client:
        deployment = client.online_deployments.get(name, endpoint)
        deployment.instance_count = instances
        client.online_deployments.begin_create_or_update(deployment)


def read_logs(azure: AzureML, workspace: Place, endpoint: str, name: str, *, lines: int = 50) -> str:
    """The last lines that the scoring container wrote."""
    with azure.connect(workspace, doing=f"read the logs of deployment {endpoint}/{name}") as client:
        return str(client.online_deployments.get_logs(name, endpoint, lines))


def _load(wanted: WantedDeployment) -> OnlineDeployment:
    written = {
        **merged(read_mapping(wanted.file), wanted.overrides),
        "name": wanted.name,
        "endpoint_name": wanted.endpoint,
    }
    deployment = load_online_deployment(as_source(written), relative_origin=str(wanted.file))
    deployment.model = wanted.model
    deployment.environment = wanted.environment
    if wanted.instance_type is not None:
        deployment.instance_type = wanted.instance_type
    if wanted.instance_count is not None:
        deployment.instance_count = wanted.instance_count
    deployment.tags = {**(deployment.tags or {}), **wanted.tags}
    return deployment


def _plain(deployment: OnlineDeployment) -> Deployment:
    properties = deployment.properties or {}
    code = deployment.code_configuration
    return Deployment(
        name=str(deployment.name),
        state=word(deployment.provisioning_state).lower(),
        model=deployment.model if isinstance(deployment.model, str) else None,
        environment=deployment.environment if isinstance(deployment.environment, str) else None,
        instance_type=deployment.instance_type,
        instance_count=deployment.instance_count,
        code=code.code if code is not None and isinstance(code.code, str) else None,
        scoring_script=str(code.scoring_script) if code is not None else None,
        request_timeout_ms=getattr(deployment.request_settings, "request_timeout_ms", None),
        environment_variables=words(deployment.environment_variables),
        settings=dict(_settings(deployment)),
        tags=words(deployment.tags),
        created_at=getattr(deployment.creation_context, "created_at", None),
        operation_uri=properties.get("AzureAsyncOperationUri"),
    )


def _settings(deployment: OnlineDeployment) -> Iterator[tuple[str, str]]:
    """By what the YAML calls them. Of what exists Azure tells the defaults, too."""
    for section, found in ((each, getattr(deployment, each)) for each in _SECTIONS):
        for key, value in () if found is None else sorted(vars(found).items()):
            if value is not None:
                yield f"{section}.{key}", word(value)
    for key in _SINGLE_SETTINGS:
        value = getattr(deployment, key, None)
        if value is not None:
            yield key, word(value)
