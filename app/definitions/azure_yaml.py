"""Azure ML CLI v2 YAML of endpoint and deployment, checked as far as that goes without the SDK.

The fields are those of the SDK's own schemas for *managed* online endpoints (``azure.ai.ml._schema``, 1.35.2). What a release
decides by itself is refused here rather than silently overwritten.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictInt

from app.definitions.names import InstanceType
from app.definitions.schema import InstanceCount, Section

OUR_TAGS = "mlrelease."
LONGEST_REQUEST_MS = 180_000


def _not_ours(tag: str) -> str:
    if tag.startswith(OUR_TAGS):
        raise ValueError(f"is set by the release, as every tag that starts with `{OUR_TAGS}`: leave it out")
    return tag


def _decided_by(whom: str) -> AfterValidator:
    def refuse(_written: Any) -> Any:
        raise ValueError(f"is decided by {whom}: leave it out")

    return AfterValidator(refuse)


Tags = dict[Annotated[str, AfterValidator(_not_ours)], str]
FromRelease = Annotated[Any, _decided_by("the release")]
FromStage = Annotated[Any, _decided_by("the stage in release.yml")]
Positive = Annotated[StrictInt, Field(ge=1)]


class AzureFile(Section):
    """What both have."""

    schema_: str | None = Field(default=None, alias="$schema")
    name: FromStage = None
    description: str | None = None
    tags: Tags | None = None
    properties: dict[str, str] | None = None


class Identity(Section):
    type: Literal["system_assigned", "user_assigned", "none"]
    user_assigned_identities: list[Any] | None = None


class EndpointFile(AzureFile):
    """``endpoint.yml``."""

    auth_mode: Literal["key", "aml_token", "aad_token"] = "key"
    location: str | None = None
    identity: Identity | None = None
    public_network_access: Literal["enabled", "disabled"] | None = None
    traffic: Annotated[Any, _decided_by("the release, which moves traffic after its checks")] = None
    mirror_traffic: FromRelease = None


class CodeConfiguration(Section):
    code: str
    """The folder of the score code, from the deployment's file."""
    scoring_script: str
    """The script in that folder that has `init()` and `run()`."""


class RequestSettings(Section):
    request_timeout_ms: Annotated[StrictInt, Field(ge=1, le=LONGEST_REQUEST_MS)] | None = None
    max_concurrent_requests_per_instance: Positive | None = None
    max_queue_wait_ms: Annotated[StrictInt, Field(ge=0)] | None = None


class Probe(Section):
    """Times in seconds."""

    initial_delay: Annotated[StrictInt, Field(ge=0)] | None = None
    period: Positive | None = None
    timeout: Positive | None = None
    success_threshold: Positive | None = None
    failure_threshold: Positive | None = None


class ScaleSettings(Section):
    type: Literal["default"]


class DeploymentFile(AzureFile):
    """``deployment.yml``."""

    name: FromRelease = None
    endpoint_name: FromStage = None
    model: FromRelease = None
    environment: Annotated[Any, _decided_by("`environment` in release.yml")] = None
    type: Literal["managed"] | None = None
    code_configuration: CodeConfiguration | None = None
    environment_variables: dict[str, str] | None = None
    instance_type: InstanceType
    """The size of machine, such as `Standard_E2s_v3`."""
    instance_count: InstanceCount = 1
    app_insights_enabled: StrictBool | None = None
    scale_settings: ScaleSettings | None = None
    request_settings: RequestSettings | None = None
    liveness_probe: Probe | None = None
    readiness_probe: Probe | None = None
    model_mount_path: str | None = None
    data_collector: dict[str, Any] | None = None
    egress_public_network_access: Literal["enabled", "disabled"] | None = None
    private_network_connection: StrictBool | None = None
