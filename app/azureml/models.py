"""Model versions, in workspaces and registries alike."""

from collections.abc import Mapping
from pathlib import Path

from azure.ai.ml.constants import ListViewType
from azure.ai.ml.entities import Model as SdkModel

from app.azureml.content import content_of
from app.azureml.errors import NotFound
from app.azureml.facade import AzureML
from app.azureml.sdk_values import word, words
from app.azureml.types import Content, Model, RegistryRef
from app.planning.places import Place

AssetPlace = Place | RegistryRef


def list_models(azure: AzureML, where: AssetPlace, name: str) -> list[Model]:
    """Every version of this name, archived ones too: their numbers are taken as well."""
    try:
        with azure.connect(where, doing=f"list the versions of model {name} in {where}") as client:
            return [_plain(model) for model in client.models.list(name, list_view_type=ListViewType.ALL)]
    except NotFound:
        return []


def get_model(azure: AzureML, where: AssetPlace, name: str, version: str) -> Model | None:
    """This version, or None."""
    try:
        with azure.connect(where, doing=f"look up model {name}:{version} in {where}") as client:
            return _plain(client.models.get(name, version=version))
    except NotFound:
        return None


def register_model(
    azure: AzureML,
    workspace: Place,
    name: str,
    *,
    version: str,
    type: str,  # noqa: A002 - Azure's word
    description: str | None,
    uri: str,
    tags: Mapping[str, str],
    properties: Mapping[str, str],
) -> Model:
    """Make this version of what lies at ``uri``. Raises AlreadyExists when the version is of something else."""
    model = SdkModel(
        name=name,
        version=version,
        type=type,
        description=description,
        path=uri,
        tags=dict(tags),
        properties=dict(properties),
    )
    with azure.connect(workspace, doing=f"register model {name}:{version} in {workspace}") as client:
        return _plain(client.models.create_or_update(model))


def download_model(azure: AzureML, where: AssetPlace, name: str, version: str, *, into: Path) -> Content:
    """Fetch a version's files into an empty folder. Raises NotFound."""
    with azure.connect(where, doing=f"download model {name}:{version} from {where}") as client:
        path = str(client.models.get(name, version=version).path)
        client.models.download(name, version=version, download_path=str(into))
    last = path.rstrip("/").rsplit("/", 1)[-1]
    # A folder arrives as <name>/<its own name>/…; a file as <name>/<file>, next to what only begins with its name.
    return content_of(into / name / last, asked_for=f"the files of model {name}:{version} in {where}")


def _plain(model: SdkModel) -> Model:
    return Model(
        name=str(model.name),
        version=str(model.version),
        id=str(model.id),
        path=str(model.path),
        type=word(model.type),
        tags=words(model.tags),
        properties=words(model.properties),
        job=str(model.job_name) if model.job_name else None,
    )
