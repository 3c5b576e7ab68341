"""Generated from the OpenAPI document by client/generate.py: change it there."""

# What the service adds later is kept out of the way: unknown fields are ignored, and unknown words stay text.

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Model(BaseModel):
    """What all have in common."""

    model_config = ConfigDict(
        extra="ignore", frozen=True, defer_build=True, protected_namespaces=(), validate_by_name=True
    )


class Channel(StrEnum):
    """How a delivery is sent."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    SLACK_REPLY = "slack_reply"
    TEAMS = "teams"
    GITHUB = "github"
    AZURE_PIPELINES = "azure_pipelines"


ChannelWord = Annotated[Channel | str, Field(union_mode="left_to_right")]


class DeliveryStatus(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


DeliveryStatusWord = Annotated[DeliveryStatus | str, Field(union_mode="left_to_right")]


class DriftKind(StrEnum):
    """What differs."""

    TRAFFIC = "traffic"
    MIRROR_TRAFFIC = "mirror_traffic"
    MODEL = "model"
    ENVIRONMENT = "environment"
    CODE = "code"
    ENVIRONMENT_VARIABLES = "environment_variables"
    SETTINGS = "settings"
    INSTANCE_TYPE = "instance_type"
    INSTANCE_COUNT = "instance_count"
    TAGS = "tags"
    STATE = "state"
    AUTH_MODE = "auth_mode"
    NETWORK_ACCESS = "network_access"
    IDENTITY = "identity"
    SECRETS = "secrets"
    UNKNOWN_DEPLOYMENT = "unknown_deployment"
    MISSING_DEPLOYMENT = "missing_deployment"
    MISSING_ENDPOINT = "missing_endpoint"


DriftKindWord = Annotated[DriftKind | str, Field(union_mode="left_to_right")]


class DryRunState(StrEnum):
    """Of a plan that nobody has asked to be carried out."""

    PENDING = "pending"
    PASSED = "passed"
    FAILED = "failed"


DryRunStateWord = Annotated[DryRunState | str, Field(union_mode="left_to_right")]


class Purpose(StrEnum):
    """Each is a release with a plan, approvals and events of its own."""

    RELEASE = "release"
    ROLLBACK = "rollback"
    REVERT = "revert"
    ADOPTION = "adoption"


PurposeWord = Annotated[Purpose | str, Field(union_mode="left_to_right")]


class Role(StrEnum):
    """A set of permissions that a grant gives."""

    VIEWER = "viewer"
    REQUESTER = "requester"
    APPROVER = "approver"
    OPERATOR = "operator"
    ADMIN = "admin"


RoleWord = Annotated[Role | str, Field(union_mode="left_to_right")]


class Status(StrEnum):
    """Of a release and of a rollout."""

    PENDING = "pending"
    PENDING_APPROVAL = "pending_approval"
    APPROVAL_REJECTED = "approval_rejected"
    SCHEDULED = "scheduled"
    QUEUED = "queued"
    IN_PROGRESS = "in_progress"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ROLLING_BACK = "rolling_back"
    ROLLED_BACK = "rolled_back"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    EXPIRED = "expired"


StatusWord = Annotated[Status | str, Field(union_mode="left_to_right")]


class StepStatus(StrEnum):
    """Of a step run. ``failed``: the business says no. ``errored``: technical."""

    PENDING = "pending"
    RUNNING = "running"
    WAITING = "waiting"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    ERRORED = "errored"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


StepStatusWord = Annotated[StepStatus | str, Field(union_mode="left_to_right")]


class ApprovalView(Model):
    actor: str
    at: datetime
    emergency: bool
    reason: str


class BundleView(Model):
    digest: str
    size: int


class ChangeView(Model):
    """One field before and after; null: absent."""

    field: str
    before: Any
    after: Any


class CheckView(Model):
    """The result of one preflight check."""

    stage: str | None
    check: str
    outcome: str
    code: str
    sentence: str
    hint: str | None
    rows: list[str] = Field(default_factory=list)


class DecisionView(Model):
    approve: bool
    emergency: bool
    actor: str
    groups: list[str]
    via: str
    reason: str
    plan_digest: str
    at: datetime
    is_void: bool


class DeliveryPage(Model):
    next: str | None = None
    items: list[DeliveryView]


class DeliveryView(Model):
    """A message to one recipient."""

    id: int
    message_id: str
    """`webhook-id` of the request; a repeated delivery has the same"""
    channel: ChannelWord
    recipient: str
    subject: str
    release: str | None
    seq: int
    """number of the event that it reports"""
    status: DeliveryStatusWord
    tries: int
    """failed attempts"""
    due_at: datetime
    answer: int | None
    """HTTP status of the last response"""
    sentence: str
    created_at: datetime
    delivered_at: datetime | None


class DeployedView(Model):
    """A deployment that is known to be there, with or without traffic, as it was last read back from Azure."""

    name: str
    release: str | None
    model: str | None
    digest: str | None
    environment: str | None
    instance_type: str | None
    instance_count: int | None
    since: datetime


class Difference(Model):
    """One thing that differs. ``subject``: the deployment or endpoint; ``recorded`` and ``seen``: None where there is nothing."""

    kind: DriftKindWord
    subject: str
    recorded: str | int | list[str] | dict[str, str | int | None] | None = None
    seen: str | int | list[str] | dict[str, str | int | None] | None = None
    sentence: str


class DriftView(Model):
    """In what an endpoint differed from what is on record when it was last compared."""

    id: str
    model: str
    stage: str
    differences: list[Difference]
    drifted_at: datetime | None
    scanned_at: datetime | None
    next_scan_at: datetime | None
    problem: str | None
    moved_by: str | None


class DryRunView(Model):
    """A dry run: the plan of each stage, and the checks."""

    id: str
    model: str
    source: Annotated[
        JobSource | ModelSource | ReleaseSource | FoundSource | EndpointSource | dict[str, Any],
        Field(union_mode="left_to_right"),
    ]
    definition_version: int
    state: DryRunStateWord
    code: str
    sentence: str
    requested_by: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime
    content: dict[str, Any] | None
    checks: list[CheckView]
    stages: list[PlannedStageView]


class EndpointSource(Model):
    """All that is at the endpoint. ``digest``: of what whoever asks has seen there; None: they have not looked."""

    kind: Literal["endpoint"] = "endpoint"
    endpoint: str
    digest: str | None = None


class EndpointView(Model):
    """An endpoint as it was last read back from Azure."""

    location: str
    auth_mode: str
    public_network_access: str | None
    scoring_uri: str | None


class EnvelopeView(Model):
    """A DSSE envelope: `payload` is an in-toto statement in base64, with SLSA provenance v1 as its predicate."""

    payload_type: str = Field(alias="payloadType")
    payload: str
    signatures: list[SignatureView]


class EventPage(Model):
    """One page of events. ``next`` goes into ``after`` to get the page after it; null at the end."""

    next: str | None = None
    items: list[EventView]


class EventView(Model):
    seq: int
    at: datetime
    kind: str
    model: str | None
    release: str | None
    subject: str
    actor: str
    via: str
    request_id: str | None
    data: dict[str, Any]
    hash: str


class EvidenceList(Model):
    items: list[EvidenceView]


class EvidenceView(Model):
    """The last lines of a log, stored without secrets. `digest` is in the event chain."""

    id: str
    subject: str
    kind: str
    text: str | None
    digest: str
    size: int
    created_at: datetime
    expires_at: datetime
    deleted_at: datetime | None
    deleted_by: str | None


class FoundSource(Model):
    """A deployment at the target that others made."""

    kind: Literal["deployment"] = "deployment"
    deployment: str


class FreezePage(Model):
    next: str | None = None
    items: list[FreezeView]


class FreezeView(Model):
    """A freeze, or a hold, which is a freeze without an end."""

    id: str
    model: str | None
    stage: str | None
    target: str | None
    starts: str
    minutes: int | None
    time_zone: str
    recurs: str | None
    reason: str
    is_hold: bool
    is_in_force: bool
    until: datetime | None
    created_by: str
    created_at: datetime


class GitFacts(Model):
    """Git facts of the submitted folder, as the caller states them."""

    commit: str
    author: str | None = None
    branch: str | None = None
    dirty: bool = False
    """the folder differs from the commit"""


class GrantBody(Model):
    """A role, for one model or for all."""

    role: RoleWord
    """the role"""
    model: str | None = None
    """absent: for all models"""


class Health(Model):
    status: str


class IdleReport(Model):
    """All that is idle at an endpoint, the one that had traffic last first."""

    items: list[IdleView]
    instance_hours: float
    cost: float | None
    currency: str | None


class IdleView(Model):
    """A deployment without live and mirror traffic, as far as is on record."""

    deployment: str
    release: str | None
    since: datetime
    instance_type: str | None
    instance_count: int
    instance_hours: float
    cost: float | None
    then: str
    at: datetime | None
    because: str


class JobPage(Model):
    next: str | None = None
    items: list[JobView]


class JobSource(Model):
    """The output of a training job that the definition names, in the workspace of the definition's first stage."""

    kind: Literal["job"] = "job"
    job: str


class JobView(Model):
    """Show a training job as it was last seen."""

    name: str
    workspace: str
    model: str | None
    status: str
    is_final: bool
    code: str
    sentence: str
    outputs: dict[str, Any]
    metrics: dict[str, Any]
    children: list[dict[str, Any]]
    environment: str | None
    git_commit: str | None
    studio_url: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    checked_at: datetime | None


class ModelDetail(Model):
    model: str
    version: int
    created: bool | None = None
    bundle: str
    stages: list[str]
    applied_at: datetime
    applied_by: str
    note: str | None
    definition: dict[str, Any]
    serving: list[ServingView]
    versions: list[ModelView] = Field(default_factory=list)


class ModelPage(Model):
    next: str | None = None
    items: list[ModelView]


class ModelSource(Model):
    """A registered model: ``azureml:NAME:VERSION`` of the first stage's workspace, or the URI of one in a registry."""

    kind: Literal["model"] = "model"
    uri: str


class ModelView(Model):
    """One version of a definition."""

    model: str
    version: int
    created: bool | None = None
    bundle: str
    stages: list[str]
    applied_at: datetime
    applied_by: str
    note: str | None


class MoveView(Model):
    """A change of traffic, and by whose word. Without a release: found as others had made it, or of a model that you cannot see."""

    event: int
    at: datetime
    release: str | None
    requested_by: str | None
    requested_at: datetime | None
    approvals: list[ApprovalView]


class NewTokenView(Model):
    id: str
    name: str
    note: str | None
    grants: list[GrantBody]
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None
    secret: str
    """shown once, and stored nowhere"""


class PlanView(Model):
    """A rollout's plan, the difference to what it replaces, and what serves there now."""

    release: str
    stage: str
    status: StatusWord
    digest: str
    plan: dict[str, Any]
    replaces: str | None
    difference: list[ChangeView] | None
    serves: list[ShareView]
    expires_at: datetime | None


class PlannedStageView(Model):
    """The plan of one stage, and the difference to what served when the dry run was made."""

    stage: str
    plan: dict[str, Any]
    replaces: str | None
    difference: list[ChangeView] | None
    found_digest: str | None = None


class PublicKeyList(Model):
    items: list[PublicKeyView]


class PublicKeyView(Model):
    """A key that provenance is signed with, or was."""

    keyid: str
    """SHA-256 over the key in DER format (SubjectPublicKeyInfo), in hexadecimal"""
    pem: str


class Redelivered(Model):
    count: int


class ReleaseDetail(Model):
    id: str
    model: str
    number: int
    purpose: PurposeWord
    source: Annotated[
        JobSource | ModelSource | ReleaseSource | FoundSource | EndpointSource | dict[str, Any],
        Field(union_mode="left_to_right"),
    ]
    job: str | None
    definition_version: int
    stages: list[str]
    status: StatusWord
    code: str
    sentence: str
    note: str | None
    requested_by: str
    revision: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None
    content: dict[str, Any] | None
    checks: list[CheckView] | None
    rollouts: list[RolloutView]


class ReleasePage(Model):
    next: str | None = None
    items: list[ReleaseView]


class ReleaseSource(Model):
    """What an earlier release of the same model released."""

    kind: Literal["release"] = "release"
    release: str


class ReleaseView(Model):
    """A release without its rollouts, as in lists."""

    id: str
    model: str
    number: int
    purpose: PurposeWord
    source: Annotated[
        JobSource | ModelSource | ReleaseSource | FoundSource | EndpointSource | dict[str, Any],
        Field(union_mode="left_to_right"),
    ]
    job: str | None
    definition_version: int
    stages: list[str]
    status: StatusWord
    code: str
    sentence: str
    note: str | None
    requested_by: str
    revision: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class ReportList(Model):
    items: list[ReportView]


class ReportView(Model):
    """What golden requests or an analysis measured, and what that came to. `digest` is in the event chain: SHA-256 over the document's
    JSON with sorted keys and no spaces."""

    id: str
    subject: str
    """the step run"""
    kind: str
    verdict: str
    document: dict[str, Any]
    digest: str
    created_at: datetime


class RolloutView(Model):
    """One stage of a release: its plan, steps and decisions."""

    stage: str
    status: StatusWord
    code: str
    sentence: str
    target: str
    endpoint: str
    workspace: str
    deployment: str | None
    needs_approval: bool
    plan_digest: str
    missing: list[str]
    expires_at: datetime | None
    emergency: bool
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    address: ServiceAddressView | None
    decisions: list[DecisionView]
    steps: list[StepView]


class ServedPage(Model):
    next: str | None = None
    items: list[ServedView]


class ServedView(Model):
    """A share of an endpoint's traffic from when to when, and by whose word it came and went."""

    deployment: str
    release: str | None
    model_version: str | None
    model_digest: str | None
    weight: int
    mirror: int
    since: datetime
    until: datetime | None
    begun: MoveView | None
    ended: MoveView | None


class ServiceAddressView(Model):
    """The addresses of a stage's endpoint. Keys are in the Key Vault; this has only the names of the secrets."""

    endpoint: str
    auth_mode: str
    scoring_uri: str
    openapi_uri: str | None
    key_vault: str | None
    secrets: list[str]


class ServingView(Model):
    """What serves now at a stage's endpoint."""

    deployment: str
    release: str | None
    model_version: str | None
    model_digest: str | None
    weight: int
    mirror: int
    since: datetime
    stage: str
    workspace: str
    endpoint: str


class ShareView(Model):
    """A deployment's share of an endpoint's traffic, in percent."""

    deployment: str
    release: str | None
    model_version: str | None
    model_digest: str | None
    weight: int
    mirror: int
    since: datetime


class SignatureView(Model):
    keyid: str
    sig: str


class StepView(Model):
    key: str
    kind: str
    needs: list[str]
    status: StepStatusWord
    code: str
    sentence: str
    attempts: int
    timeout_seconds: float
    worker: str | None
    changed: bool | None
    seconds: float | None
    started_at: datetime | None
    finished_at: datetime | None
    output: dict[str, Any] | None


class TargetDetail(Model):
    id: str
    model: str
    stage: str
    subscription: str
    resource_group: str
    workspace: str
    endpoint: str
    serving: list[ServedView]
    since: datetime
    updated_at: datetime
    deployments: list[DeployedView]
    azure: EndpointView | None


class TargetPage(Model):
    next: str | None = None
    items: list[TargetView]


class TargetView(Model):
    """An endpoint that releases are moved to. Its `id` is subscription/resource group/workspace/endpoint, in lower case."""

    id: str
    model: str
    stage: str
    subscription: str
    resource_group: str
    workspace: str
    endpoint: str
    serving: list[ShareView]
    since: datetime
    updated_at: datetime


class TokenPage(Model):
    next: str | None = None
    items: list[TokenView]


class TokenView(Model):
    id: str
    name: str
    note: str | None
    grants: list[GrantBody]
    created_by: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None
    revoked_by: str | None


class VerdictView(Model):
    """Note `seq` and `hash` elsewhere and send them next time: this also detects a chain that was rewritten as a whole."""

    intact: bool
    seq: int
    hash: str
    broken_at: int | None
    why: str | None
    since: int
    """events up to this one were not read again; 0: the whole chain was verified"""


class WebhookPage(Model):
    next: str | None = None
    items: list[WebhookView]


class WebhookView(Model):
    """A webhook without its secret."""

    id: str
    url: str
    kinds: list[str]
    """of events, such as `release.failed` or `approval.*`; none: all"""
    models: list[str]
    """none: all"""
    note: str | None
    rotated_at: datetime | None
    disabled_at: datetime | None
    disabled_because: str | None
    created_at: datetime
    created_by: str


class WebhookWithSecret(Model):
    id: str
    url: str
    kinds: list[str]
    """of events, such as `release.failed` or `approval.*`; none: all"""
    models: list[str]
    """none: all"""
    note: str | None
    rotated_at: datetime | None
    disabled_at: datetime | None
    disabled_because: str | None
    created_at: datetime
    created_by: str
    secret: str
    """shown only here: the receiver checks signatures with it"""


class WorkerPage(Model):
    next: str | None = None
    items: list[WorkerView]


class WorkerView(Model):
    """A worker that holds a lease; times are by the database's clock."""

    id: str
    host: str
    pid: int
    version: str
    started_at: datetime
    renewed_at: datetime
    expires_at: datetime
    steps: list[str]


class MistakeView(Model):
    """A mistake in a request."""

    file: str | None
    """of a definition"""
    line: int | None
    """in that file, from 1"""
    field: str | None
    message: str
    """what is wrong, and what is expected"""


class Problem(Model):
    """An error (RFC 9457). Further members give details."""

    type: str
    """a URN with the code: stable, for programs"""
    title: str
    status: int
    detail: str
    """one sentence for people"""
    code: str
    hint: str | None = None
    """what to do about it"""
    mistakes: list[MistakeView] | None = None
    """the first hundred"""
    mistakes_left_out: int | None = None
    """how many more mistakes there are, if any"""
