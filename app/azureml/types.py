"""What the adapter takes and gives: plain frozen data, none of it Azure's own classes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.database.storable import storable_json


class FromAzure:
    """Base of what Azure tells us: cleaned when it is made, so that whatever Azure says can be stored, compared and shown."""

    def __post_init__(self) -> None:
        for each in fields(self):  # type: ignore[arg-type] # every class that has this base is a dataclass
            object.__setattr__(self, each.name, _clean(getattr(self, each.name)))


def _clean(value: Any) -> Any:
    if isinstance(value, datetime):
        return value if value.tzinfo is not None else value.replace(tzinfo=UTC)  # Azure's moments are in UTC
    return value if isinstance(value, Path) else storable_json(value)


@dataclass(frozen=True)
class RegistryRef:
    """A registry: its name is unique in the tenant."""

    name: str

    def __str__(self) -> str:
        return f"registry {self.name}"


@dataclass(frozen=True)
class ChildJob(FromAzure):
    """One step of a pipeline job."""

    name: str
    display_name: str
    status: str


@dataclass(frozen=True)
class Job(FromAzure):
    """A training job as Azure ML tells it."""

    name: str
    status: str
    is_final: bool
    inputs: Mapping[str, str]  # by input name, of a pipeline's step as STEP.INPUT: the URI of what is no literal
    outputs: Mapping[str, str]  # by output name: the URI
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    git_commit: str | None
    git_author: str | None
    studio_url: str | None
    created_at: datetime | None


@dataclass(frozen=True)
class RunRecord(FromAzure):
    """What was logged for a run: times, and the last value of each metric."""

    metrics: Mapping[str, float | int | str]  # text where it is no number: "NaN", "Infinity"
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True)
class RunEnd(FromAzure):
    """What the run history says of an ended run."""

    said: str | None  # Azure's own words for a failure; often with the end of the log in them
    logs: Mapping[str, str] = field(repr=False)  # addresses by name; each opens its log to whoever has it


@dataclass(frozen=True)
class Content:
    """Files on this machine, and the digest over them (see ``bundles.digest``)."""

    root: Path  # a folder, or a single file
    digest: str
    files: int
    size: int  # bytes


@dataclass(frozen=True)
class Model(FromAzure):
    """A model version in a workspace or a registry."""

    name: str
    version: str
    id: str
    path: str
    type: str
    tags: Mapping[str, str]
    properties: Mapping[str, str]
    job: str | None = None  # whose output it was made of, where Azure tells


@dataclass(frozen=True)
class Environment(FromAzure):
    """An environment version; ``digest`` is over its image and packages, equal in every place that it is shared to."""

    name: str
    version: str
    id: str
    image: str | None
    digest: str

    @property
    def is_comparable(self) -> bool:
        """Whether an equal digest means the same: files that an image is built from are not in it, Azure does not hand them out."""
        return self.image is not None or self.is_anonymous

    @property
    def is_anonymous(self) -> bool:
        """Written inside a job: its version is a hash over all that it is made of."""
        return self.name == ANONYMOUS_ENVIRONMENT


@dataclass(frozen=True)
class Endpoint(FromAzure):
    """An online endpoint. ``state`` is Azure's provisioning state, and names in traffic maps are, in lower case."""

    name: str
    state: str
    auth_mode: str
    location: str
    scoring_uri: str | None
    openapi_uri: str | None
    traffic: Mapping[str, int]  # deployments with 0 are in it
    mirror_traffic: Mapping[str, int]
    tags: Mapping[str, str]
    public_network_access: str | None
    identity: str | None  # what it acts as in Azure: ``system_assigned``, or the ids of user-assigned ones
    operation_uri: str | None  # of its last operation: tells why it failed

    @property
    def is_settled(self) -> bool:
        return self.state in SETTLED

    @property
    def live_traffic(self) -> dict[str, int]:
        """The deployments that get requests of callers, with their percentages."""
        return {name: share for name, share in self.traffic.items() if share}

    @property
    def has_keys(self) -> bool:
        """Whether callers send a key; else a token (``aml_token``, ``aad_token``)."""
        return self.auth_mode.lower() == "key"


@dataclass(frozen=True)
class EndpointKeys:
    """Never printed: not even in a traceback."""

    primary: str = field(repr=False)
    secondary: str = field(repr=False)


@dataclass(frozen=True)
class Deployment(FromAzure):
    """An online deployment. ``state`` is Azure's provisioning state in lower case."""

    name: str
    state: str
    model: str | None
    environment: str | None
    instance_type: str | None
    instance_count: int | None
    code: str | None  # the id of the code asset
    scoring_script: str | None
    request_timeout_ms: int | None
    environment_variables: Mapping[str, str] = field(repr=False)  # a team may have put a secret there
    settings: Mapping[str, str]  # of requests, probes, collected data and the network, by what the YAML calls them
    tags: Mapping[str, str]
    created_at: datetime | None
    operation_uri: str | None

    @property
    def is_settled(self) -> bool:
        return self.state in SETTLED

    @property
    def can_answer(self) -> bool:
        """Whether it takes requests: also while it is updated or scaled in place."""
        return self.state in {"succeeded", "updating", "scaling"}


@dataclass(frozen=True)
class Answer:
    """What a scoring request gave. ``body`` is parsed JSON, or text where it is none: then ``not_json`` says why."""

    status: int
    body: Any
    seconds: float
    deployment: str | None
    retry_after: float | None = None  # seconds
    not_json: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)  # those that say why the model failed, in lower case


ANONYMOUS_ENVIRONMENT = "CliV2AnonymousEnvironment"
SETTLED = frozenset({"succeeded", "failed", "canceled"})
