"""How the API shows a release, its rollouts, steps and decisions."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel

from app.api.paging import Page
from app.api.plan_views import CheckView
from app.approvals.service import expiry_of, judge
from app.approvals.tables import Decision
from app.documents.json_object import Json
from app.planning.kinds import CreateEndpoint, PublishSecrets
from app.planning.plan import Plan
from app.planning.purpose import Purpose
from app.planning.sources import Source
from app.planning.steps import PlannedStep
from app.releases.states import Status, StepStatus
from app.releases.tables import Release, Rollout, StepRun, StoredPlan


class DecisionView(BaseModel):
    approve: bool
    emergency: bool
    actor: str
    groups: list[str]  # at that time
    via: str
    reason: str
    plan_digest: str
    at: datetime
    is_void: bool  # the plan changed since: it no longer counts

    @classmethod
    def of(cls, decision: Decision, *, rollout: Rollout) -> "DecisionView":
        fields = decision.model_dump(include=set(cls.model_fields))
        return cls(**fields, is_void=decision.round != rollout.round)


class StepView(BaseModel):
    key: str
    kind: str
    needs: list[str]
    status: StepStatus
    code: str
    sentence: str
    attempts: int
    timeout_seconds: float
    worker: str | None
    changed: bool | None
    seconds: float | None
    started_at: datetime | None
    finished_at: datetime | None
    output: Json | None

    @classmethod
    def of(cls, step: StepRun, planned: PlannedStep) -> "StepView":
        fields = step.model_dump(include=set(cls.model_fields))
        return cls(
            **fields,
            kind=planned.kind,
            needs=list(planned.needs),
            timeout_seconds=planned.timeout_seconds,
            seconds=step.seconds,
        )


class ServiceAddressView(BaseModel):
    """The addresses of a stage's endpoint. Keys are in the Key Vault; this has only the names of the secrets."""

    endpoint: str
    auth_mode: str  # what callers send: a key, the endpoint's own token, or an Entra token
    scoring_uri: str
    openapi_uri: str | None
    key_vault: str | None
    secrets: list[str]

    @classmethod
    def of(cls, plan: Plan, steps: Sequence[StepRun]) -> "ServiceAddressView | None":
        """From the steps' outputs; None until the endpoint exists."""
        kinds = {step.key: step.kind for step in plan.steps}
        gave = {
            kinds.get(step.key): step.output for step in steps if step.status is StepStatus.SUCCEEDED and step.output
        }
        made, published = gave.get(CreateEndpoint.kind, {}), gave.get(PublishSecrets.kind, {})
        if not made.get("scoring_uri"):
            return None
        return cls(
            endpoint=made["endpoint"],
            auth_mode=made["auth_mode"],
            scoring_uri=made["scoring_uri"],
            openapi_uri=made.get("openapi_uri"),
            key_vault=published.get("key_vault"),
            secrets=published.get("secrets", []),
        )


class RolloutView(BaseModel):
    """One stage of a release: its plan, steps and decisions."""

    stage: str
    status: Status
    code: str
    sentence: str
    target: str
    endpoint: str
    workspace: str
    deployment: str | None
    needs_approval: bool
    plan_digest: str
    missing: list[str]  # what it waits for, as text, while approval is pending
    expires_at: datetime | None  # if nobody decides before
    emergency: bool
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    address: ServiceAddressView | None
    decisions: list[DecisionView]
    steps: list[StepView]

    @classmethod
    def of(
        cls,
        rollout: Rollout,
        *,
        release: Release,
        stored: StoredPlan,
        steps: Sequence[StepRun],
        decisions: Sequence[Decision],
    ) -> "RolloutView":
        """``stored`` is its plan."""
        plan = stored.read()
        words = [DecisionView.of(each, rollout=rollout) for each in decisions if each.rollout_id == rollout.id]
        missing: tuple[str, ...] = ()
        expiry = None
        if rollout.status is Status.PENDING_APPROVAL and rollout.asked_at is not None:
            missing = judge(release, rollout, stored, decisions, now=rollout.asked_at).missing
            expiry = expiry_of(rollout, stored)
        return cls(
            **rollout.model_dump(include=set(cls.model_fields)),
            missing=list(missing),
            expires_at=expiry,
            address=ServiceAddressView.of(plan, steps),
            decisions=words,
            steps=[StepView.of(step, planned) for step in steps if (planned := plan.step(step.key))],
        )


class ReleaseView(BaseModel):
    """A release without its rollouts, as in lists."""

    id: str
    model: str
    number: int
    purpose: Purpose
    source: Source  # what its content comes from
    job: str | None  # where that is a training job
    definition_version: int
    stages: list[str]
    status: Status
    code: str
    sentence: str
    note: str | None
    requested_by: str
    revision: int
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, release: Release) -> "ReleaseView":
        return cls(**release.model_dump(include=set(cls.model_fields)))


class ReleaseDetail(ReleaseView):
    content: Json | None
    checks: list[CheckView] | None  # null until they were made
    rollouts: list[RolloutView]

    @classmethod
    def whole(
        cls,
        release: Release,
        *,
        rollouts: Sequence[Rollout],
        plans: Mapping[str, StoredPlan],
        steps: Mapping[str, Sequence[StepRun]],
        decisions: Sequence[Decision],
    ) -> "ReleaseDetail":
        shown = [
            RolloutView.of(
                each,
                release=release,
                stored=plans[each.plan_digest],
                steps=steps.get(each.id, ()),
                decisions=decisions,
            )
            for each in rollouts
        ]
        checks = None if release.checks is None else [CheckView.model_validate(each) for each in release.checks]
        said = release.model_dump(include=set(ReleaseView.model_fields))
        return cls(**said, content=release.content, checks=checks, rollouts=shown)


class ReleasePage(Page):
    items: list[ReleaseView]
