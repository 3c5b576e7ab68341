"""Environments: image and packages, in workspaces and registries alike."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from azure.ai.ml import load_environment
from azure.ai.ml.entities import Environment as SdkEnvironment
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

from app.azureml.confined import child_azure, run_confined
from app.azureml.errors import BadRequest, NotFound
from app.azureml.facade import AzureML
from app.azureml.names import parse_asset
from app.azureml.refused_jobs import mistakes_told
from app.azureml.sdk_values import word
from app.azureml.types import Environment, RegistryRef
from app.bundles.local_paths import require_local_paths
from app.planning.places import Place

AssetPlace = Place | RegistryRef


def resolve_environment(azure: AzureML, workspace: Place, reference: str) -> Environment:
    """The exact version that a reference means now. Raises NotFound, or BadRequest when it cannot be read."""
    asset = parse_asset(reference)
    if asset is None:
        raise BadRequest(
            f"{reference!r} is not an environment.", hint="Write azureml:NAME:VERSION or azureml:NAME@latest."
        )
    where = asset.where or workspace
    with azure.connect(where, doing=f"look up environment {reference} in {where}") as client:
        return _plain(client.environments.get(asset.name, version=asset.version, label=asset.label))


def get_environment(azure: AzureML, where: AssetPlace, name: str, version: str) -> Environment | None:
    """This version, or None."""
    try:
        with azure.connect(where, doing=f"look up environment {name}:{version} in {where}") as client:
            return _plain(client.environments.get(name, version=version))
    except NotFound:
        return None


def list_environment_versions(azure: AzureML, where: AssetPlace, name: str) -> list[str]:
    """Every version of this name that is in use."""
    try:
        with azure.connect(where, doing=f"list the versions of environment {name} in {where}") as client:
            return [str(environment.version) for environment in client.environments.list(name)]
    except NotFound:
        return []


def register_environment(azure: AzureML, workspace: Place, file: Path, *, folder: Path) -> Environment:
    """Make sure that what an environment's YAML says is the latest version of its name: reused, else the next version.

    ``folder`` is the bundle that the file is part of, and all that it may name.
    """
    doing = f"register the environment of {file.name} in {workspace}"
    arguments = {"workspace": workspace, "file": file, "folder": folder, "doing": doing}
    told = run_confined(azure, f"{__name__}:register_in_child", arguments, folder=folder, doing=doing)
    return TypeAdapter(Environment).validate_python(told)


def register_in_child(workspace: Place, file: Path, folder: Path, doing: str, settings: Mapping[str, Any]) -> Any:
    """What ``register_environment`` has done in a child process; the environment as JSON."""
    entry = file.relative_to(folder).as_posix()
    require_local_paths(folder, [entry])
    azure = child_azure(settings)
    with azure.connect(workspace, doing=doing), mistakes_told(folder, entry, doing=doing):
        wanted = load_environment(file)
    latest = _latest(azure, workspace, str(wanted.name))
    if latest is None or latest.digest != _digest(wanted):
        with azure.connect(workspace, doing=f"register environment {wanted.name} in {workspace}") as client:
            latest = _plain(client.environments.create_or_update(wanted))
    return to_jsonable_python(latest)


def _latest(azure: AzureML, workspace: Place, name: str) -> Environment | None:
    """The latest version, where it can be told whether it is the same."""
    try:
        latest = resolve_environment(azure, workspace, f"azureml:{name}@latest")
    except NotFound:
        return None
    return latest if latest.is_comparable else None


def _plain(environment: SdkEnvironment) -> Environment:
    # Of an environment that a job brought, written inside it, the SDK makes up a version that never was: it computes the name's
    # hash anew, before it knows the packages. The id is Azure's.
    exact = parse_asset(str(environment.id))
    return Environment(
        name=exact.name if exact is not None else str(environment.name),
        version=str(exact.version if exact is not None else environment.version),
        id=str(environment.id),
        image=environment.image,
        digest=_digest(environment),
    )


def _digest(environment: SdkEnvironment) -> str:
    """Over what is run, not over names, tags and places, which differ between workspace and registry."""
    build = environment.build
    content = {
        "image": environment.image,
        "conda": environment.conda_file,
        "os": (word(environment.os_type) or "linux").lower(),
        "dockerfile": build.dockerfile_path if build is not None else None,
    }
    return "sha256:" + hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
