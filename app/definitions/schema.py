"""The definition of a model: the schema of ``release.yml``."""

import sys
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    StrictInt,
    Tag,
    create_model,
    model_validator,
)

from app.definitions.azure_yaml import DeploymentFile, EndpointFile
from app.definitions.names import (
    EndpointName,
    EnvironmentReference,
    InnerPath,
    InstanceCount,
    InstanceType,
    KeyVaultName,
    ModelName,
    OuterPath,
    OutputName,
    RegistryName,
    ResourceGroupName,
    StageName,
    SubscriptionId,
    WorkspaceName,
)
from app.definitions.overrides import OWN_OF_STAGE
from app.definitions.partial import PublishedAs
from app.definitions.traffic import AllAtOnceTraffic, TrafficStrategy
from app.documents.published import as_text, json_schema_of
from app.documents.section import Section
from app.planning.kinds import KINDS, SignatureCheck
from app.planning.places import Place, Target
from app.planning.policy import ANYBODY, ApprovalSection, Duration
from app.planning.purpose import Purpose
from app.planning.replay import ReplayRules

MOST_KEPT = 5  # the endpoint's tag remembers seven that served, and that one is among them

Minutes = Annotated[float, Field(gt=0, le=24 * 60)]
DeploymentSettings = Annotated[dict[str, Any], PublishedAs(DeploymentFile, without=OWN_OF_STAGE)]
EndpointSettings = Annotated[dict[str, Any], PublishedAs(EndpointFile, without=OWN_OF_STAGE)]


class ModelSection(Section):
    """The model, and its place in the training job's output."""

    name: ModelName
    """The model's name, here and in Azure ML."""
    type: Literal["custom_model", "mlflow_model"] = "custom_model"
    """Azure ML's type of the registered model."""
    description: str | None = None
    """Shown beside the model in Azure ML."""
    output: OutputName = "model"
    """The named output of the training job that holds the model; `default` is what it wrote to ./outputs or logged by MLflow."""
    path: InnerPath = "."
    """A file or folder inside the output; `.` is the whole output."""
    file: InnerPath | None = None
    """A file that must be there; checked before anything runs."""

    @model_validator(mode="after")
    def _is_no_log(self) -> "ModelSection":
        if self.output == "default" and self.path.strip("./") == "":
            raise ValueError(
                "`output: default` also contains the job's logs: name the model's folder, such as `path: outputs`"
            )
        return self


class SignatureSection(Section):
    """The signature that a model must have, in the format of OpenSSF Model Signing; checked before anybody is asked."""

    public_key: InnerPath
    """PEM file with the public key that the model must be signed with: ECDSA on P-256, P-384 or P-521. Several keys: one of them."""
    file: InnerPath = "model.sig"
    """The signature's path in the model's folder."""


class ChecksSection(Section):
    """The checks of a new deployment before it gets traffic."""

    golden: InnerPath
    """JSON file of requests with the expected answers: `[{"request": {...}, "expect": {...}}]`."""
    replay: ReplayRules | None = None
    """How the answers are judged beside those of what serves; without it, every answer must be the one expected."""
    signature: SignatureSection | None = None
    """The signature that the model must have; without it, none is checked."""

    @property
    def signature_check(self) -> SignatureCheck | None:
        """As it is planned."""
        return None if self.signature is None else SignatureCheck(**self.signature.model_dump())


def _form(written: Any) -> str:
    return "[policy]" if isinstance(written, dict | ApprovalSection) else "[word]"


Approval = Annotated[
    Annotated[Literal["required", "none"], Tag("[word]")] | Annotated[ApprovalSection, Tag("[policy]")],
    Discriminator(_form),
]


class AfterSection(Section):
    """Soak: what must have served in an earlier stage for some time before it comes to this one."""

    stage: StageName
    """An earlier stage of this definition."""
    serving_for: Duration
    """How long the release's content must have served there without a break."""


def as_policy(approval: Literal["required", "none"] | ApprovalSection | None) -> ApprovalSection | None:
    """What is written as ``Approval``, as a policy; None: no approval."""
    match approval:
        case None | "none":
            return None
        case "required":
            return ANYBODY
        case policy:
            return policy


class StageDefinition(Section):
    """One stage of a release."""

    name: StageName
    """The stage's name, such as `dev` or `prod`."""
    workspace: WorkspaceName
    """The Azure ML workspace of this stage. Training jobs are in the first stage's workspace."""
    resource_group: ResourceGroupName
    """The resource group of the workspace."""
    subscription: SubscriptionId | None = None
    """The subscription of the workspace; without it, the service's own setting."""
    registry: RegistryName | None = None
    """The registry that brings model and environment to this stage; needed if the workspace is not the first stage's."""
    endpoint: EndpointName
    """The online endpoint's name: unique in its region of Azure."""
    key_vault: KeyVaultName | None = None
    """The Key Vault for the endpoint's address and keys; without it they are not published."""
    instance_type: InstanceType | None = None
    """The size of machine here, instead of the one in the deployment's file."""
    instance_count: InstanceCount | None = None
    """How many machines here, instead of the number in the deployment's file."""
    deployment: DeploymentSettings = Field(default={})
    """Fields of the deployment's file that are otherwise here. Mappings are merged, null removes a field."""
    endpoint_settings: EndpointSettings = Field(default={})
    """Fields of the endpoint's file that are otherwise here. Mappings are merged, null removes a field."""
    traffic: TrafficStrategy = AllAtOnceTraffic()
    """How the new deployment gets its traffic: all at once, as a canary, or as a shadow first."""
    after: AfterSection | None = None
    """Soak: how long the release must have served in an earlier stage before this stage starts. People may approve meanwhile."""
    approval: Approval = "none"
    """Who must approve before this stage starts: `none`, `required` (any one person), or a policy."""
    rollback_approval: Approval = "none"
    """Who must approve before this stage goes back to what it served earlier, in the same forms. Default: nobody."""

    def place(self, subscription: str) -> Place:
        """Its workspace; in this subscription where it names none."""
        return Place(
            subscription=self.subscription or subscription, resource_group=self.resource_group, workspace=self.workspace
        )

    def target(self, subscription: str) -> Target:
        """Its endpoint, in its workspace."""
        return Target(place=self.place(subscription), endpoint=self.endpoint)

    def policy(self, purpose: Purpose) -> ApprovalSection | None:
        """The approval policy of what is to be moved for this; None: no approval."""
        return as_policy(self.rollback_approval if purpose is Purpose.ROLLBACK else self.approval)


class _Timeouts(Section):
    """How many minutes a step may take before it times out. Absent fields keep their defaults."""

    def seconds(self, kind: str) -> float | None:
        """For steps of this kind; None where the definition does not say."""
        minutes: float | None = getattr(self, kind, None)
        return None if minutes is None else minutes * 60


if TYPE_CHECKING:
    TimeoutsSection = _Timeouts  # no type checker reads fields that are made of a table
else:
    TimeoutsSection = create_model(
        "TimeoutsSection",
        __base__=_Timeouts,
        __doc__=_Timeouts.__doc__,
        **{
            kind: (Minutes | None, Field(default=None, description=f"Until {each.goal}."))
            for kind, each in KINDS.items()
            if each.minutes is not None
        },
    )


class RetentionSection(Section):
    """What becomes of deployments of earlier releases that have no traffic."""

    keep: Annotated[StrictInt, Field(ge=0, le=MOST_KEPT)] = 1
    """How many deployments that served well before stay, to go back to at once. The others that served are deleted."""
    warm_for: Duration = "7d"
    """How long those stay as they are, and how long deployments of failed releases and of other models stay at all."""
    then: Literal["delete", "scale_down"] = "delete"
    """What becomes of those that stayed: they are deleted, or scaled to one machine."""


class Definition(Section):
    """How a model is released: its content, files and stages.

    Once read, its paths begin at the bundle's folder: at ``root``.
    """

    model: ModelSection
    environment: EnvironmentReference | None = None
    """The environment of the deployment, by version or label; without it, the training job's environment."""
    root: OuterPath = "."
    """A parent folder that contains the score code, such as `../..`, if training and scoring share it."""
    endpoint: InnerPath = "endpoint.yml"
    """The endpoint as Azure ML CLI v2 YAML."""
    deployment: InnerPath = "deployment.yml"
    """The deployment as Azure ML CLI v2 YAML; its folder is the base of the score code's path."""
    checks: ChecksSection
    timeouts: TimeoutsSection = TimeoutsSection()
    """Timeouts of steps, where the defaults do not fit."""
    retention: RetentionSection | None = None
    """How long deployments without traffic stay; without it, a release keeps the one that served before it and deletes older ones."""
    stages: Annotated[tuple[StageDefinition, ...], Field(min_length=1)]
    """The stages in order."""

    def stage(self, name: str) -> StageDefinition:
        """The stage of this name, which there must be."""
        return next(each for each in self.stages if each.name == name)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``release.yml``, for editors."""
    return json_schema_of(Definition, file="release.yml")


def schema_text() -> str:
    """The JSON Schema as it is published in ``deploy/release.schema.json``."""
    return as_text(json_schema())


if __name__ == "__main__":  # python -m app.definitions.schema > deploy/release.schema.json
    sys.stdout.write(schema_text())
