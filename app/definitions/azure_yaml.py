"""Azure ML CLI v2 YAML of endpoint and deployment, checked as far as that goes without the SDK.

The fields are those of the SDK's own schemas for *managed* online endpoints (``azure.ai.ml._schema``, 1.35.2), and words are
taken in every case that the SDK takes: ``az ml … show`` prints ``Disabled`` and ``SystemAssigned``. What a release decides by
itself is refused here rather than silently overwritten.
"""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictInt, model_validator

from app.definitions.names import InstanceCount, InstanceType
from app.definitions.spelling import as_snake_case
from app.definitions.tags import Tags
from app.documents.named import Named
from app.documents.section import Section

LONGEST_REQUEST_MS = 180_000


def _decided_by(whom: str) -> AfterValidator:
    def refuse(_written: Any) -> Any:
        raise ValueError(f"is decided by {whom}: leave it out")

    return AfterValidator(refuse)


AnyCase = BeforeValidator(as_snake_case)
FromRelease = Annotated[Any, _decided_by("the release")]
FromStage = Annotated[Any, _decided_by("the stage in release.yml")]
Positive = Annotated[StrictInt, Field(ge=1)]
OnOff = Annotated[Literal["enabled", "disabled"], AnyCase]
# The SDK uploads anything else as a file of the machine that it runs on.
RemotePath = Annotated[
    str, Named(r"^(azureml|https)://\S+$", "an address in Azure, such as `azureml://datastores/NAME/paths/FOLDER`")
]
IdentityId = Annotated[
    str,
    Named(
        r"^(?i:/subscriptions/[^/\s]+/resourcegroups/[^/\s]+/providers/microsoft\.managedidentity"
        r"/userassignedidentities/[^/\s]+)$",
        "the id of a user-assigned identity: `/subscriptions/…/resourceGroups/…/providers/"
        "Microsoft.ManagedIdentity/userAssignedIdentities/NAME`",
    ),
]


class AzureFile(Section):
    """What both have."""

    schema_: str | None = Field(default=None, alias="$schema")
    name: FromStage = None
    description: str | None = None
    tags: Tags | None = None
    properties: dict[str, str] | None = None


class UserIdentity(Section):
    resource_id: IdentityId
    """The identity's id in Azure Resource Manager."""
    client_id: str | None = None
    object_id: str | None = None
    principal_id: str | None = None


class Identity(Section):
    type: Annotated[Literal["system_assigned", "user_assigned", "none"], AnyCase]
    user_assigned_identities: list[UserIdentity] | None = None

    @model_validator(mode="after")
    def _has_its_one_identity(self) -> "Identity":
        count = len(self.user_assigned_identities or ())
        if self.type == "user_assigned" and count != 1:
            raise ValueError(f"of type `user_assigned` needs one entry in `user_assigned_identities`, and has {count}")
        if self.type != "user_assigned" and count:
            raise ValueError(f"of type `{self.type}` has no `user_assigned_identities`: leave them out")
        return self


class EndpointFile(AzureFile):
    """``endpoint.yml``."""

    auth_mode: Annotated[Literal["key", "aml_token", "aad_token"], AnyCase] = "key"
    location: str | None = None
    identity: Identity | None = None
    public_network_access: OnOff | None = None
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
    type: Annotated[Literal["default"], AnyCase]


class CollectedData(Section):
    """The data asset that collected requests become."""

    name: str | None = None
    version: str | None = None
    path: RemotePath | None = None
    data_id: str | None = None


class Collection(Section):
    enabled: Annotated[Literal["true", "false"], AnyCase]
    """`'true'` or `'false'`, as text."""
    data: CollectedData | None = None
    client_id: str | None = None


class RequestLogging(Section):
    capture_headers: list[str] | None = None


class DataCollector(Section):
    collections: dict[str, Collection]
    """What is collected, by name."""
    rolling_rate: Annotated[Literal["minute", "hour", "day"], AnyCase] | None = None
    sampling_rate: Annotated[float, Field(ge=0, le=1, strict=True)] | None = None
    request_logging: RequestLogging | None = None


class DeploymentFile(AzureFile):
    """``deployment.yml``."""

    name: FromRelease = None
    endpoint_name: FromStage = None
    model: FromRelease = None
    environment: Annotated[Any, _decided_by("`environment` in release.yml")] = None
    type: Annotated[Literal["managed"], AnyCase] | None = None
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
    data_collector: DataCollector | None = None
    egress_public_network_access: OnOff | None = None
    private_network_connection: StrictBool | None = None
