"""What exactly a release is about: looked up once, before it is planned."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field

from app.planning.assets import registry_of
from app.planning.frozen import Frozen
from app.planning.sources import Source

Metrics = Mapping[str, float | int | str]  # the last value of each; text where it is no number, such as "NaN"


class EnvironmentVersion(Frozen):
    """``digest`` is over image and packages; ``id`` is Azure's, of the workspace or registry that it is in."""

    name: str
    version: str
    digest: str
    id: str


class RegisteredModel(Frozen):
    """A model version. ``registry`` None: it is in the workspace of the first stage. ``id``: Azure's, or the registry's URI."""

    name: str
    version: str
    id: str
    registry: str | None = None

    def __str__(self) -> str:
        return f"{self.name}:{self.version}"


class DataInput(Frozen):
    """Data that the training job read: a version of a data asset, or a place in storage, which others can overwrite."""

    name: str  # of the job's input; of a pipeline's step as STEP.INPUT
    uri: str


class Content(Frozen):
    """A model by its content, the environment by its version, the code by its digest. ``source``: what all of it comes from."""

    source: Source
    model_uri: str
    model_digest: str
    model_files: int
    model_bytes: int
    registered: RegisteredModel | None = None  # None: it is a job's output, to be registered
    environment: EnvironmentVersion
    code_digest: str | None = None
    deployment: Mapping[str, Any] = Field(default_factory=dict)  # as the team wrote it, less what only describes
    endpoint: Mapping[str, Any] = Field(default_factory=dict)  # likewise
    metrics: Metrics = Field(default_factory=dict)
    data: tuple[DataInput, ...] = ()
    signed_by: str | None = None  # the id of the key that the model is signed with, where the definition asks for that
    git_commit: str | None = None
    git_author: str | None = None

    @property
    def registries(self) -> tuple[str, ...]:
        """Those that it is deployed from as it is."""
        model = None if self.registered is None else self.registered.registry
        return tuple(each for each in (model, registry_of(self.environment.id)) if each is not None)
