"""A plan: what one rollout will do. Its JSON is the document that people approve, and its digest is over that."""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, Field, model_validator

from app.planning.analysis import AnalysisRules
from app.planning.content import EnvironmentVersion, Metrics
from app.planning.frozen import Frozen
from app.planning.ids import needed_stage
from app.planning.kinds import AdoptTarget
from app.planning.places import Place, Target
from app.planning.policy import ApprovalSection, Duration
from app.planning.purpose import Purpose
from app.planning.replay import ReplayRules
from app.planning.sources import Source
from app.planning.steps import On, PlannedStep


class PlannedModel(Frozen):
    """Which model, by its content, and where that comes from. Of what is taken in as it is the content is not looked up."""

    name: str
    digest: str | None = None
    files: int | None = None
    bytes: int | None = None
    source: Source
    git_commit: str | None = None
    signed_by: str | None = None  # the id of the key, where the definition asks for a signature


class PlannedCode(Frozen):
    """The score code."""

    digest: str | None


class PlannedDefinition(Frozen):
    """The definition version that the plan was made by, and the digest of its files."""

    version: int
    digest: str


class PlannedTarget(Place):
    """What is moved, and by what way content comes there and callers learn of it."""

    endpoint: str
    registry: str | None
    key_vault: str | None

    @property
    def place(self) -> Place:
        return Place(subscription=self.subscription, resource_group=self.resource_group, workspace=self.workspace)

    @property
    def target(self) -> Target:
        return Target(place=self.place, endpoint=self.endpoint)


class PlannedDeployment(Frozen):
    """What serves: its own name and machines, and whatever else the team wrote of it."""

    model_config = ConfigDict(extra="allow")

    name: str
    instance_type: str | None
    instance_count: int


class PlannedTraffic(Frozen):
    """A share of the endpoint's traffic, and the step that is to have succeeded before.

    ``mirrored``: of copies of requests. ``bake``: for how long it is watched before the next share; None: it stays. ``finds``: what that
    can find with the traffic of the week before, in words; None: that was not known.
    """

    deployment: str
    percent: int
    after: str
    mirrored: bool = False
    bake: Duration | None = None
    finds: str | None = None


class PlannedChecks(Frozen):
    """What the deployment must prove before; ``golden_requests``: how many different ones expect something.

    ``replay``: how the answers are judged beside those of what serves; None: every one must be as expected.
    """

    golden: str
    golden_requests: int | None
    replay: ReplayRules | None = None


class PlannedSoak(Frozen):
    """For how long this content must have served in an earlier stage before; ``target`` is that stage's."""

    stage: str
    target: str
    serving_for: Duration


class Replaced(Frozen):
    """What serves at the target now: a deployment, the release that made it, and the digest of that one's plan.

    ``release`` and ``plan`` None: others made it.
    """

    deployment: str
    release: str | None
    plan: str | None
    model: str | None  # Azure's id of the model version


class Raised(Frozen):
    """By what a definition's own policy was raised, and in which dimensions."""

    model_config = ConfigDict(serialize_by_alias=True, validate_by_name=True)

    by: str
    dimensions: tuple[str, ...] = Field(alias="in")


class RaisedPolicy(Frozen):
    """A policy that is stricter than what the definition itself asks for."""

    declared: ApprovalSection | None
    raised: tuple[Raised, ...]


class PlannedRule(Frozen):
    """A guardrail that holds there, and what it demands."""

    rule: str
    demands: Mapping[str, Any]


class Plan(Frozen):
    """What one stage of a release will do, and in place of what. An adoption makes no deployment and says nothing of one."""

    release: str
    purpose: Purpose = Purpose.RELEASE
    stage: str
    model: PlannedModel
    metrics: Metrics = Field(default_factory=dict)
    environment: EnvironmentVersion | None = None
    code: PlannedCode | None = None
    definition: PlannedDefinition
    target: PlannedTarget
    endpoint: Mapping[str, Any] = Field(
        default_factory=dict
    )  # as it is written for this stage, less what only describes
    deployment: PlannedDeployment | None = None
    traffic: tuple[PlannedTraffic, ...] = ()
    analysis: AnalysisRules | None = None  # between the shares; None: all of the traffic moves at once
    checks: PlannedChecks | None = None
    after: PlannedSoak | None = None
    approval: ApprovalSection | None  # who must approve; None: nobody need
    policy: RaisedPolicy | None = None  # where that is not the definition's own
    guardrails: tuple[PlannedRule, ...] = ()
    replaces: Replaced | None = None
    steps: tuple[PlannedStep, ...]

    @property
    def declared(self) -> ApprovalSection | None:
        """Whom the definition itself asks."""
        return self.approval if self.policy is None else self.policy.declared

    def step(self, key: str) -> PlannedStep | None:
        return next((each for each in self.steps if each.key == key), None)

    @property
    def adopts(self) -> AdoptTarget | None:
        """What it takes in as it is."""
        return next((each.config for each in self.steps if isinstance(each.config, AdoptTarget)), None)

    @model_validator(mode="after")
    def _can_be_carried_out(self) -> "Plan":
        require_order(self.steps)
        return self


def require_order(steps: Sequence[PlannedStep]) -> None:
    """Raises ValueError unless each step has a key of its own, and needs steps before it: so there is no circle."""
    before: dict[str, On] = {}
    for step in steps:
        if step.key in before:
            raise ValueError(f"two steps have the key {step.key}")
        for need in (each for each in step.needs if needed_stage(each) is None):
            if need not in before:
                raise ValueError(f"{step.key} needs {need}, which is no step before it")
            if step.on is On.SUCCESS and before[need] is On.FAILURE:
                raise ValueError(
                    f"{step.key} never begins: it needs {need}, which is for the case that something fails"
                )
        if step.until is not None and (step.on is not On.FAILURE or step.until not in before):
            raise ValueError(f"{step.key} brings something back until {step.until}, which is no step before it")
        if not set(step.undoes) <= set(step.needs):
            raise ValueError(f"{step.key} brings back what it does not need")
        before[step.key] = step.on
