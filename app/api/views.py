"""What the API shows: the shapes of its answers, made from rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel

from app.approvals.service import expiry_of, judge
from app.approvals.tables import Decision
from app.definitions.tables import DefinitionVersion
from app.freezes.tables import Freeze
from app.freezes.windows import frozen
from app.jobs.tables import TrainingJob
from app.releases.plans import difference
from app.releases.states import DryRunState, Status, StepStatus
from app.releases.tables import DryRun, Event, Plan, Release, Rollout, StepRun
from app.workers.tables import Worker

Json = dict[str, Any]


class BundleView(BaseModel):
    digest: str
    size: int


class ModelView(BaseModel):
    """One version of a definition."""

    model: str
    version: int
    created: bool | None = None
    bundle: str
    stages: list[str]
    applied_at: datetime
    applied_by: str
    note: str | None

    @classmethod
    def of(cls, version: DefinitionVersion, *, created: bool | None = None) -> "ModelView":
        return cls(
            model=version.model,
            version=version.version,
            created=created,
            bundle=version.bundle_digest,
            stages=[stage["name"] for stage in version.content["stages"]],
            applied_at=version.applied_at,
            applied_by=version.applied_by,
            note=version.note,
        )


class ModelDetail(ModelView):
    definition: Json
    versions: list[ModelView] = []


class JobView(BaseModel):
    """A training job as it was last seen."""

    name: str
    workspace: str
    model: str | None
    status: str
    is_final: bool
    code: str
    sentence: str
    outputs: Json
    metrics: Json
    children: list[Json]
    environment: str | None
    git_commit: str | None
    studio_url: str | None
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    checked_at: datetime | None

    @classmethod
    def of(cls, job: TrainingJob) -> "JobView":
        return cls(**job.model_dump(include=set(cls.model_fields)))


class DecisionView(BaseModel):
    approve: bool
    emergency: bool
    actor: str
    groups: list[str]  # at that time
    via: str
    reason: str
    plan_digest: str
    at: datetime
    is_void: bool  # something changed since: it does not count any more

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
    def of(cls, step: StepRun) -> "StepView":
        return cls(**step.model_dump(include=set(cls.model_fields)), seconds=step.seconds)


class RolloutView(BaseModel):
    """One stage of a release: its plan, its steps, who decided."""

    stage: str
    status: Status
    code: str
    sentence: str
    target: str
    endpoint: str
    workspace: str
    deployment: str
    needs_approval: bool
    plan_digest: str
    missing: list[str]  # that it waits for, in words, while people are asked
    expires_at: datetime | None  # unless somebody decides before
    emergency: bool
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    decisions: list[DecisionView]
    steps: list[StepView]

    @classmethod
    def of(
        cls,
        rollout: Rollout,
        *,
        release: Release,
        plan: Plan | None,
        steps: Sequence[StepRun],
        decisions: Sequence[Decision],
    ) -> "RolloutView":
        """``plan`` is needed while people are asked."""
        words = [DecisionView.of(each, rollout=rollout) for each in decisions if each.rollout_id == rollout.id]
        missing: tuple[str, ...] = ()
        expiry = None
        if plan is not None and rollout.asked_at is not None:
            missing = judge(release, rollout, plan, decisions, now=rollout.asked_at).missing
            expiry = expiry_of(rollout, plan)
        return cls(
            **rollout.model_dump(include=set(cls.model_fields)),
            missing=list(missing),
            expires_at=expiry,
            decisions=words,
            steps=[StepView.of(step) for step in steps],
        )


class ChangeView(BaseModel):
    """One field, before and after; null where there is none."""

    field: str
    before: Any
    after: Any


class PlanView(BaseModel):
    """What a rollout will do, and what callers of its endpoint get instead of what they get now."""

    release: str
    stage: str
    status: Status
    digest: str
    plan: Json
    serves: str | None  # the release that serves there now, as far as this service knows
    difference: list[ChangeView] | None  # to that release; null where there is none
    expires_at: datetime | None

    @classmethod
    def of(cls, rollout: Rollout, plan: Plan, *, serves: Plan | None, expires_at: datetime | None) -> "PlanView":
        differs = None if serves is None else difference(serves.document, plan.document)
        return cls(
            release=rollout.release_id,
            stage=rollout.stage,
            status=rollout.status,
            digest=plan.digest,
            plan=plan.document,
            serves=(plan.document["replaces"] or {}).get("release"),
            difference=None if differs is None else [ChangeView(**vars(each)) for each in differs],
            expires_at=expires_at,
        )


class FreezeView(BaseModel):
    """A freeze, or a hold: one without an end."""

    id: str
    model: str | None
    stage: str | None
    target: str | None
    starts: str  # by the wall clock of the time zone
    minutes: int | None
    time_zone: str
    recurs: str | None
    reason: str
    is_hold: bool
    is_in_force: bool
    until: datetime | None  # while it is in force; null: until it is deleted
    created_by: str
    created_at: datetime

    @classmethod
    def of(cls, freeze: Freeze, *, now: datetime) -> "FreezeView":
        seen = frozen([freeze.window], now)
        return cls(
            **freeze.model_dump(include=set(cls.model_fields)),
            time_zone=freeze.zone,
            is_hold=freeze.is_hold,
            is_in_force=seen is not None,
            until=None if seen is None else seen.until,
        )


class ReleaseView(BaseModel):
    """A release without its stages, as lists show it."""

    id: str
    model: str
    number: int
    job: str
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


class CheckView(BaseModel):
    """One thing that was looked at before anybody was asked."""

    stage: str | None  # null: of the release as a whole
    check: str
    outcome: Literal["passed", "failed", "unknown"]  # unknown: Azure did not tell, which refuses nothing
    code: str
    sentence: str
    hint: str | None


class PlannedStageView(BaseModel):
    """What one stage would do, and what callers of its endpoint would get instead of what they get now."""

    stage: str
    plan: Json
    serves: str | None
    difference: list[ChangeView] | None


class DryRunView(BaseModel):
    """What a release would do, and what stands in its way."""

    id: str
    model: str
    job: str
    definition_version: int
    state: DryRunState
    code: str
    sentence: str
    requested_by: str
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime
    content: Json | None
    checks: list[CheckView]
    stages: list[PlannedStageView]

    @classmethod
    def of(cls, run: DryRun) -> "DryRunView":
        result = run.result or {"checks": [], "content": None, "stages": []}
        return cls.model_validate({**run.model_dump(exclude={"stages", "result", "source"}), **result})


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
        plans: Mapping[str, Plan],
        steps: Mapping[str, Sequence[StepRun]],
        decisions: Sequence[Decision],
    ) -> "ReleaseDetail":
        shown = [
            RolloutView.of(
                each,
                release=release,
                plan=plans.get(each.plan_digest),
                steps=steps.get(each.id, ()),
                decisions=decisions,
            )
            for each in rollouts
        ]
        checks = None if release.checks is None else [CheckView.model_validate(each) for each in release.checks]
        return cls(**ReleaseView.of(release).model_dump(), content=release.content, checks=checks, rollouts=shown)


class EventView(BaseModel):
    seq: int
    at: datetime
    kind: str
    model: str | None
    release: str | None
    subject: str
    actor: str
    via: str
    request_id: str | None
    data: Json
    hash: str

    @classmethod
    def of(cls, event: Event) -> "EventView":
        return cls(**event.model_dump(include=set(cls.model_fields)), release=event.release_id)


class WorkerView(BaseModel):
    """A worker that holds a lease; moments are by the database's clock."""

    id: str
    host: str
    pid: int
    version: str
    started_at: datetime
    renewed_at: datetime
    expires_at: datetime
    steps: list[str]  # that it carries out now: <release>:<stage>:<key>

    @classmethod
    def of(cls, worker: Worker, *, steps: Sequence[StepRun]) -> "WorkerView":
        driven = [step.id for step in steps if step.worker == worker.id]
        return cls(**worker.model_dump(include=set(cls.model_fields)), steps=driven)


class Page(BaseModel):
    """One page of a list. ``next`` goes into ``cursor`` to get the page after it; null at the end."""

    next: str | None = None


class ModelPage(Page):
    items: list[ModelView]


class WorkerPage(Page):
    items: list[WorkerView]


class JobPage(Page):
    items: list[JobView]


class FreezePage(Page):
    items: list[FreezeView]


class ReleasePage(Page):
    items: list[ReleaseView]


class EventPage(Page):
    """One page of events. ``next`` goes into ``after`` to get the page after it; null at the end."""

    items: list[EventView]
