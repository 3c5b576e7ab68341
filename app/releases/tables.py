"""The tables of releases. Written by this package alone."""

from datetime import datetime

from sqlalchemy import Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.database.indexes import index_where
from app.database.types import JsonColumn, UtcDateTime, word_column
from app.documents.json_object import Json
from app.planning.plan import Plan
from app.planning.purpose import Purpose
from app.releases.states import Control, DryRunState, Status, StepStatus

RUNNING = "status = 'running'"
GOES_BACK = "purpose IN ('rollback', 'revert')"


class Release(SQLModel, table=True):
    """One request: this content, under this definition version, through these stages."""

    __tablename__ = "release"
    __table_args__ = (
        UniqueConstraint("model", "number"),
        # The newest of all, and with each filter of the list: each is read from its end, however many there are.
        Index("ix_release_created", "created_at", "id"),
        Index("ix_release_model_created", "model", "created_at", "id"),
        Index("ix_release_status_created", "status", "created_at", "id"),
        Index("ix_release_model_status_created", "model", "status", "created_at", "id"),
        Index("ix_release_job_created", "job", "created_at", "id"),
        index_where("ix_release_going_back", "model", where=GOES_BACK),  # few of all releases
    )

    id: str = Field(primary_key=True)  # <model>-<number>
    model: str
    number: int
    mark: str  # a few random characters: keeps Azure names of this release apart from another installation's
    definition_id: int = Field(foreign_key="definition_version.id")
    definition_version: int
    purpose: Purpose = Field(sa_type=word_column(Purpose))
    source: Json = Field(sa_column=Column(JsonColumn, nullable=False))  # of ``planning.sources``
    job_id: int | None = Field(default=None, foreign_key="training_job.id")  # where its source is a training job
    job: str | None = None
    stages: list[str] = Field(sa_column=Column(JsonColumn, nullable=False))
    status: Status = Field(sa_type=word_column(Status))
    code: str
    sentence: str
    control: Control | None = Field(default=None, sa_type=word_column(Control))  # asked for, not yet reached
    content: Json | None = Field(default=None, sa_column=Column(JsonColumn))  # what exactly is released, once resolved
    checks: list[Json] | None = Field(default=None, sa_column=Column(JsonColumn))  # what was looked at before planning
    note: str | None = None
    requested_by: str
    revision: int = 0  # the number of its last event: changes with every change
    created_at: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StoredPlan(SQLModel, table=True):
    """What one stage will do, and in place of what, by the digest over it: what people approve. Never changed."""

    __tablename__ = "plan"

    digest: str = Field(primary_key=True)
    document: Json = Field(sa_column=Column(JsonColumn, nullable=False))

    def read(self) -> Plan:
        """As typed data."""
        return Plan.model_validate(self.document)


class Rollout(SQLModel, table=True):
    """One release in one stage."""

    __tablename__ = "rollout"
    __table_args__ = (
        UniqueConstraint("release_id", "stage"),
        Index("ix_rollout_target_status_finished", "target", "status", "finished_at", "id"),
        Index("ix_rollout_target_deployment", "target", "deployment"),
        Index("ix_rollout_status", "status"),
        Index("ix_rollout_due_at", "due_at"),
    )

    id: str = Field(primary_key=True)  # <release>:<stage>
    release_id: str = Field(foreign_key="release.id")
    stage: str
    position: int
    target: str  # subscription/resource group/workspace/endpoint: one rollout at a time moves it
    endpoint: str
    workspace: str
    deployment: str | None  # that it makes; None: it takes in what is there
    needs_approval: bool
    plan_digest: str  # of its ``StoredPlan``: over everything that an approval is given for
    attempt: int = 0
    round: int = 0  # of asking people: what was said in an earlier one is void
    asked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # since when people are asked
    emergency: bool = False  # begun by breaking the glass: no freeze and no hold keeps it
    status: Status = Field(sa_type=word_column(Status))
    code: str
    sentence: str
    # When something happens to it by itself: an approval expires, a freeze ends, the wait of a step is over.
    due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    paused_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class StepRun(SQLModel, table=True):
    """How one step of one rollout is getting on. What it does stands in the rollout's plan, by its key."""

    __tablename__ = "step_run"
    __table_args__ = (
        UniqueConstraint("rollout_id", "key"),
        # Few steps of all that ever were.
        index_where("ix_step_run_running", "started_at", where=RUNNING),
    )

    id: str = Field(primary_key=True)  # <rollout>:<key>
    rollout_id: str = Field(foreign_key="rollout.id")
    key: str
    position: int
    status: StepStatus = Field(sa_type=word_column(StepStatus))
    code: str
    sentence: str
    attempts: int = 0
    worker: str | None = None  # who carries it out, or did
    changed: bool | None = None
    output: Json | None = Field(default=None, sa_column=Column(JsonColumn))
    memory: Json | None = Field(default=None, sa_column=Column(JsonColumn))  # what it gave when it last had to wait
    answer: Json | None = Field(default=None, sa_column=Column(JsonColumn))  # a person's, to be handed over once
    wait_until: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def seconds(self) -> float | None:
        """From its first start to its end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return (self.finished_at - self.started_at).total_seconds()


class DryRun(SQLModel, table=True):
    """A release that nobody asked for yet: what it would do, and what stands in its way. Written by ``releases.dry_runs``."""

    __tablename__ = "dry_run"

    id: str = Field(primary_key=True)
    model: str
    definition_version: int
    source: Json = Field(sa_column=Column(JsonColumn, nullable=False))  # of ``planning.sources``
    stages: list[str] = Field(sa_column=Column(JsonColumn, nullable=False))
    state: DryRunState = Field(sa_type=word_column(DryRunState))
    code: str
    sentence: str
    result: Json | None = Field(default=None, sa_column=Column(JsonColumn))  # checks, content, and each stage's plan
    requested_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    expires_at: datetime = Field(sa_type=UtcDateTime, index=True)  # then it may be deleted
