"""The API's response bodies, made from rows."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from app.api.paging import Page
from app.api.serving_views import ServingView
from app.definitions.tables import DefinitionVersion
from app.documents.json_object import Json
from app.events.tables import Event
from app.freezes.tables import Freeze
from app.freezes.windows import frozen
from app.jobs.tables import TrainingJob
from app.releases.tables import StepRun
from app.workers.tables import Worker


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
    serving: list[ServingView]
    versions: list[ModelView] = []


class JobView(BaseModel):
    """Show a training job as it was last seen."""

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


class FreezeView(BaseModel):
    """A freeze, or a hold, which is a freeze without an end."""

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
    """A worker that holds a lease; times are by the database's clock."""

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


class ModelPage(Page):
    items: list[ModelView]


class WorkerPage(Page):
    items: list[WorkerView]


class JobPage(Page):
    items: list[JobView]


class FreezePage(Page):
    items: list[FreezeView]


class EventPage(Page):
    """One page of events. ``next`` goes into ``after`` to get the page after it; null at the end."""

    items: list[EventView]
