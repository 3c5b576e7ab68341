"""What the API shows: the shapes of its answers, made from rows."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from app.approvals.tables import Decision
from app.definitions.tables import DefinitionVersion
from app.jobs.tables import TrainingJob
from app.releases.states import Status, StepStatus
from app.releases.tables import Event, Release, Rollout, StepRun
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
    actor: str
    via: str
    reason: str
    plan_digest: str
    at: datetime


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
    attempt: int
    started_at: datetime | None
    finished_at: datetime | None
    decisions: list[DecisionView]
    steps: list[StepView]

    @classmethod
    def of(cls, rollout: Rollout, *, steps: Sequence[StepRun], decisions: Sequence[Decision]) -> "RolloutView":
        words = [
            DecisionView(**each.model_dump(include=set(DecisionView.model_fields)))
            for each in decisions
            if each.rollout_id == rollout.id
        ]
        fields = rollout.model_dump(include=set(cls.model_fields))
        return cls(**fields, decisions=words, steps=[StepView.of(step) for step in steps])


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


class ReleaseDetail(ReleaseView):
    content: Json | None
    rollouts: list[RolloutView]

    @classmethod
    def whole(
        cls,
        release: Release,
        *,
        rollouts: Sequence[Rollout],
        steps: Mapping[str, Sequence[StepRun]],
        decisions: Sequence[Decision],
    ) -> "ReleaseDetail":
        shown = [RolloutView.of(each, steps=steps.get(each.id, ()), decisions=decisions) for each in rollouts]
        return cls(**ReleaseView.of(release).model_dump(), content=release.content, rollouts=shown)


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


class ReleasePage(Page):
    items: list[ReleaseView]


class EventPage(Page):
    """One page of events. ``next`` goes into ``after`` to get the page after it; null at the end."""

    items: list[EventView]
