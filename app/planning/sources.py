"""What a release's content comes from."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, TypeAdapter

from app.planning.frozen import Frozen

_NAME = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}"
_REGISTRY = r"[A-Za-z0-9][A-Za-z0-9_-]{2,32}"
# An exact version: no label, which would mean another one tomorrow.
MODEL_VERSION = rf"^(azureml:{_NAME}:{_NAME}|azureml://registries/{_REGISTRY}/models/{_NAME}/versions/{_NAME})$"


class ModelVersion(Frozen):
    """``registry`` None: in the workspace that is asked."""

    registry: str | None
    name: str
    version: str

    @classmethod
    def parse(cls, uri: str) -> "ModelVersion":
        """Of what ``MODEL_VERSION`` matches."""
        if uri.startswith("azureml://"):
            _, _, _, registry, _, name, _, version = uri.split("/")
            return cls(registry=registry, name=name, version=version)
        _, name, version = uri.split(":")
        return cls(registry=None, name=name, version=version)


class JobSource(Frozen):
    """The output of a training job that the definition names, in the workspace of the definition's first stage."""

    label: ClassVar[str] = "Training job"

    kind: Literal["job"] = "job"
    job: str

    @property
    def name(self) -> str:
        return self.job


class ModelSource(Frozen):
    """A registered model: ``azureml:NAME:VERSION`` of the first stage's workspace, or the URI of one in a registry."""

    label: ClassVar[str] = "Registered model"

    kind: Literal["model"] = "model"
    uri: str = Field(pattern=MODEL_VERSION)

    @property
    def name(self) -> str:
        return self.uri

    @property
    def version(self) -> "ModelVersion":
        return ModelVersion.parse(self.uri)


class ReleaseSource(Frozen):
    """What an earlier release of the same model released."""

    label: ClassVar[str] = "Content of release"

    kind: Literal["release"] = "release"
    release: str

    @property
    def name(self) -> str:
        return self.release


class FoundSource(Frozen):
    """A deployment at the target that others made."""

    label: ClassVar[str] = "Deployment found there"

    kind: Literal["deployment"] = "deployment"
    deployment: str

    @property
    def name(self) -> str:
        return self.deployment


class EndpointSource(Frozen):
    """All that is at the endpoint. ``digest``: of what whoever asks has seen there; None: they have not looked."""

    label: ClassVar[str] = "Endpoint as it is"

    kind: Literal["endpoint"] = "endpoint"
    endpoint: str
    digest: str | None = None

    @property
    def name(self) -> str:
        return self.endpoint


Source = Annotated[JobSource | ModelSource | ReleaseSource | FoundSource | EndpointSource, Field(discriminator="kind")]

_SOURCES: TypeAdapter[Source] = TypeAdapter(Source)


def read_source(written: Mapping[str, Any]) -> Source:
    """Of a row or an event, as typed data."""
    return _SOURCES.validate_python(written)


def say_source(source: Source) -> str:
    """In the middle of a sentence: ``training job careful_fox``."""
    return f"{source.label[0].lower()}{source.label[1:]} {source.name}"
