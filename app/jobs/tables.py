"""Training jobs of Azure ML, as we last saw them."""

from datetime import datetime

from sqlalchemy import Column, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from app.database.types import JsonColumn, UtcDateTime
from app.documents.json_object import Json
from app.planning.places import Place


class TrainingJob(SQLModel, table=True):
    """A job in a workspace. ``status`` is Azure's word for it; ``code`` and ``sentence`` are ours."""

    __tablename__ = "training_job"
    __table_args__ = (
        UniqueConstraint("subscription", "resource_group", "workspace", "name"),
        Index("ix_training_job_name", "name"),
        Index("ix_training_job_model_id", "model", "id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    subscription: str
    resource_group: str
    workspace: str
    name: str
    model: str | None = None
    status: str  # Azure's, or "Recorded" / "Submitting" before Azure was asked
    is_final: bool = False
    code: str
    sentence: str
    bundle_digest: str | None = Field(default=None, foreign_key="bundle.digest")  # the folder to submit
    entry: str | None = None  # the job's YAML in that folder
    environments: list[str] = Field(
        default_factory=list, sa_column=Column(JsonColumn, nullable=False)
    )  # YAML files in it
    git: Json | None = Field(
        default=None, sa_column=Column(JsonColumn)
    )  # of the checkout, as whoever submitted it says
    outputs: Json = Field(default_factory=dict, sa_column=Column(JsonColumn, nullable=False))
    metrics: Json = Field(default_factory=dict, sa_column=Column(JsonColumn, nullable=False))
    children: list[Json] = Field(default_factory=list, sa_column=Column(JsonColumn, nullable=False))
    environment: str | None = None
    git_commit: str | None = None
    studio_url: str | None = None
    next_poll_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)  # None: it has ended
    poller: str | None = None  # the worker that asks Azure ML now
    unanswered: int = 0  # polls in a row that Azure ML did not answer
    recorded_by: str
    created_at: datetime = Field(sa_type=UtcDateTime)
    checked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)

    @property
    def place(self) -> Place:
        return Place(subscription=self.subscription, resource_group=self.resource_group, workspace=self.workspace)
