"""Azure ML's many ways to name one asset."""

import re
from dataclasses import dataclass

from app.azureml.types import RegistryRef
from app.planning.places import Place

_IN_REGISTRY = re.compile(
    r"^azureml://registries/(?P<registry>[^/]+)/(?P<kind>[^/]+)/(?P<name>[^/]+)/(?:versions/(?P<version>[^/]+)|labels/(?P<label>[^/]+))/?$"
)
_IN_WORKSPACE = re.compile(
    r"^(?:azureml:)?/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>[^/]+)"
    r"/providers/Microsoft\.MachineLearningServices/workspaces/(?P<workspace>[^/]+)"
    r"/(?P<kind>[^/]+)/(?P<name>[^/]+)/versions/(?P<version>[^/]+)/?$",
    re.I,
)
_SHORT = re.compile(r"^(?:azureml:)?(?P<name>[^:@/]+)(?::(?P<version>[^:@/]+)|@(?P<label>[^:@/]+))$")

_JOB_OUTPUT = re.compile(r"^azureml://jobs/(?P<job>[^/]+)/outputs/(?P<output>[^/]+)/paths/(?P<path>.*)$")

# What a job leaves without a named output: ./outputs, what MLflow logged, and its logs. Azure lists it as `default`, and its
# addresses say `artifacts`.
ARTIFACTS = "default"


@dataclass(frozen=True)
class AssetName:
    """An asset: exact by version, or moving by label."""

    name: str
    version: str | None
    label: str | None = None
    where: Place | RegistryRef | None = None  # None: in the workspace that it is asked of


def parse_asset(reference: str) -> AssetName | None:
    """``azureml:name:1``, ``azureml:name@latest``, an ARM id or a registry's URI; None for anything else."""
    if found := _IN_REGISTRY.match(reference):
        return AssetName(found["name"], found["version"], found["label"], where=RegistryRef(found["registry"]))
    if found := _IN_WORKSPACE.match(reference):
        where = Place(subscription=found["subscription"], resource_group=found["group"], workspace=found["workspace"])
        return AssetName(found["name"], found["version"], where=where)
    if found := _SHORT.match(reference):
        return AssetName(found["name"], found["version"], found["label"])
    return None


def registry_uri(registry: RegistryRef, kind: str, name: str, version: str) -> str:
    return f"azureml://registries/{registry.name}/{kind}/{name}/versions/{version}"


@dataclass(frozen=True)
class JobOutput:
    """A place in a job's output."""

    job: str
    output: str
    path: str


def parse_job_output(uri: str) -> JobOutput | None:
    """Of what ``job_output_uri`` gives."""
    found = _JOB_OUTPUT.match(uri)
    if found is None:
        return None
    output = ARTIFACTS if found["output"] == "artifacts" else found["output"]
    return JobOutput(found["job"], output, found["path"] or ".")


def job_output_uri(job: str, output: str, path: str) -> str:
    """``path`` is inside the output; "." is the whole of it."""
    inside = "" if path.strip("/") in {"", "."} else path.strip("/")
    name = "artifacts" if output == ARTIFACTS else output
    return f"azureml://jobs/{job}/outputs/{name}/paths/{inside}"
