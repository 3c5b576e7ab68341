"""Environments: an image and a conda file. Nothing is built: jobs and scoring run in this interpreter.

So that a release to Azure ML does not meet a missing package for the first time, the conda file is checked against what is
installed here: what cannot be parsed or imported fails as Azure's image build would.
"""

import re
from importlib import metadata
from typing import Any

from emulator.assets import find
from emulator.assets.kinds import Draft, Kind, common, is_fixed
from emulator.assets.versions import Shelf
from emulator.errors import BadRequest, OperationFailed
from emulator.state import Emulator
from emulator.store import Document

# What the emulator brings though it is not installed: the names that score scripts import of Azure's serving packages.
_SERVED = frozenset({"azureml-inference-server-http", "azureml-contrib-services"})
# Clients of the tracking service, which is emulated: code that talks to it by REST works without them. An import fails.
_TRACKING = frozenset({"mlflow-skinny", "azureml-mlflow"})
# Of conda's packages these are no Python packages, or are the interpreter itself.
_NOT_IMPORTED = frozenset({"python", "pip", "setuptools", "wheel", "openssl", "libgcc", "gcc", "gxx"})


async def _accept(_shelf: Shelf, draft: Draft) -> tuple[Document, Document]:
    sent = draft.sent
    if not sent.get("image") and not sent.get("build"):
        raise BadRequest("An environment needs an image or a build context.", code="ValidationError")
    if sent.get("image") and sent.get("build"):
        raise BadRequest("An environment has an image or a build context, not both.", code="ValidationError")
    properties = {
        **common(sent),
        "image": sent.get("image"),
        "condaFile": sent.get("condaFile"),
        "build": sent.get("build"),
        "inferenceConfig": sent.get("inferenceConfig"),
        "osType": sent.get("osType") or "Linux",
        "environmentType": "UserCreated",
    }
    return properties, {}


def check_image(azure: Emulator, environment: str, *, workspace: str | None = None) -> None:
    """Raise OperationFailed("ImageBuildFailure") when the environment's image could not be built.

    NotFound when there is no such environment. An environment with a build context is refused: no image is built here.
    """
    properties = find.version(azure, environment, kind="environments", workspace=workspace)["properties"]
    if properties.get("build"):
        raise OperationFailed(
            "ImageBuildFailure", "The emulator builds no images: use an environment with an image and a conda file."
        )
    if properties.get("condaFile"):
        missing = missing_packages(str(properties["condaFile"]))
        if missing:
            raise OperationFailed(
                "ImageBuildFailure",
                "Image build failed. These packages of the conda file cannot be had here: "
                f"{'; '.join(missing)}. The emulator runs in its own Python: install them there.",
            )


def missing_packages(conda_file: str) -> list[str]:
    """What a conda file asks for and this interpreter does not have, each with the reason."""
    # Slow to import: the emulator starts without it.
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        read = YAML(typ="safe", pure=True).load(conda_file)
    except YAMLError as error:
        raise OperationFailed(
            "ImageBuildFailure", f"Image build failed. The conda file cannot be parsed: {error}"
        ) from None
    dependencies = read.get("dependencies") if isinstance(read, dict) else None
    if not isinstance(dependencies, list):
        raise OperationFailed("ImageBuildFailure", "Image build failed. The conda file has no list of dependencies.")
    return [reason for each in dependencies for reason in _missing(each)]


def _missing(dependency: Any) -> list[str]:
    if isinstance(dependency, dict):
        return [reason for each in dependency.get("pip") or [] for reason in _missing_from_pip(str(each))]
    # conda writes name=version, with a channel perhaps before it
    name, _, version = str(dependency).rpartition("::")[2].partition("=")
    match = re.match(r"[A-Za-z0-9_.\-]+", name.strip())
    if match is None or match[0].lower() in _NOT_IMPORTED:
        return []
    rest = name.strip()[match.end() :]
    if rest:  # a comparison, e.g. numpy>=1.26
        return _missing_from_pip(str(dependency).rpartition("::")[2])
    wanted = version.lstrip("=").split("=")[0]
    return _missing_from_pip(f"{match[0]}=={wanted.rstrip('.*')}.*" if wanted else match[0])


def _missing_from_pip(line: str) -> list[str]:
    from packaging.requirements import InvalidRequirement, Requirement  # slow to import, as above

    if line.startswith("-") or "://" in line:
        return []  # options and direct references say nothing that can be checked here
    try:
        wanted = Requirement(line.split("#")[0].strip())
    except InvalidRequirement:
        return [f"{line} (not a requirement)"]
    name = wanted.name.lower().replace("_", "-")
    if name in _SERVED | _TRACKING or (wanted.marker and not wanted.marker.evaluate()):
        return []
    try:
        found = metadata.version(wanted.name)
    except metadata.PackageNotFoundError:
        return [f"{line} (not installed)"]
    if not wanted.specifier.contains(found, prereleases=True):
        return [f"{line} (version {found} is installed)"]
    return []


ENVIRONMENTS = Kind(
    plural="environments", identity=("image", "condaFile", "build"), accept=_accept, refuse_change=is_fixed
)
