"""What preflight looks at: the stages of a release, as far as Azure has a say in them."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from app.azureml.endpoints import get_endpoint, read_endpoint_file
from app.azureml.errors import AzureMLError
from app.azureml.facade import AzureML
from app.azureml.places import workspace_region
from app.azureml.types import Endpoint
from app.azureml.yaml_files import read_mapping
from app.planning.analysis import AnalysisRules
from app.planning.frozen import Frozen
from app.planning.places import Place
from app.steps.definition_files import overrides_of


@dataclass(frozen=True)
class Said:
    """What a check that does not stop the release has found. ``warning``: the code of what people should know, with a ``hint``; None: all
    is well. ``rows``: of each part, where there are some."""

    sentence: str
    warning: str | None = None
    hint: str | None = None
    rows: tuple[str, ...] = ()


class Watched(Frozen):
    """A share of the traffic, in percent, that is analysed for so many seconds. ``mirrored``: of copies of requests."""

    percent: int
    seconds: float
    mirrored: bool = False


class Stage(Frozen):
    """One stage's words."""

    name: str
    workspace: Place
    endpoint: str
    registry: str | None = None
    key_vault: str | None = None
    instance_type: str | None = None
    instance_count: int | None = None
    rules: AnalysisRules | None = None  # by which its new deployment is compared with what serves; None: it is not
    watched: tuple[Watched, ...] = ()


class Preflight(Frozen):
    """``origin``: the workspace that content comes from; the files are in the bundle."""

    model: str
    origin: Place
    endpoint: str
    deployment: str
    registers: bool = True  # whether a model is to be registered there
    reads: tuple[str, ...] = ()  # registries that content is deployed from as it is
    stages: tuple[Stage, ...]


@dataclass
class StageLook:
    """One look at one stage: what several checks need is read once."""

    azure: AzureML
    bundle: Path
    wanted: Preflight
    stage: Stage

    @property
    def workspace(self) -> Place:
        return self.stage.workspace

    @cached_property
    def machines(self) -> tuple[str, int]:
        """Their size and their number: the stage's, or else the deployment's."""
        spec = read_mapping(self.bundle / self.wanted.deployment)
        size = self.stage.instance_type or spec.get("instance_type")
        if not size:
            raise AzureMLError("There is no instance_type: Azure chooses one.", code="instance_type_unknown")
        return str(size), int(self.stage.instance_count or spec.get("instance_count") or 1)

    @cached_property
    def endpoint_file(self) -> Endpoint:
        """As this stage has it. Raises BadRequest."""
        return read_endpoint_file(
            self.bundle / self.wanted.endpoint,
            self.stage.endpoint,
            overrides=overrides_of(self.bundle, self.stage.name, "endpoint_settings"),
        )

    @property
    def identity(self) -> str | None:
        """The ARM id of the user-assigned identity that the endpoint runs as. None: it has one of its own, or none."""
        kind, _, assigned = (self.endpoint_file.identity or "").partition(", ")
        return assigned if kind == "user_assigned" else None

    @property
    def registries(self) -> tuple[str, ...]:
        """Those that content is deployed from."""
        shared = self.stage.registry if self.stage.workspace != self.wanted.origin else None
        return tuple(dict.fromkeys([*self.wanted.reads, *([shared] if shared else ())]))

    @cached_property
    def endpoint_there(self) -> Endpoint | None:
        """What Azure has of this name. None: nothing."""
        return get_endpoint(self.azure, self.workspace, self.stage.endpoint)

    @property
    def serves(self) -> bool:
        """Whether anything has live traffic there."""
        return self.endpoint_there is not None and any(self.endpoint_there.traffic.values())

    @cached_property
    def region(self) -> str:
        return workspace_region(self.azure, self.workspace)
