"""The serving record: what is known at each target, and which deployment had which share of its traffic, from when to when.

Written by ``serving.service`` alone, with each change that was read back from Azure. A row without an end holds until now.
"""

from datetime import datetime

from sqlalchemy import Column, Index
from sqlmodel import Field, SQLModel

from app.database.indexes import index_where
from app.database.types import JsonColumn, UtcDateTime
from app.documents.json_object import Json
from app.planning.drift import Difference
from app.planning.observed import DeploymentFacts

_OPEN_DEPLOYMENT = "until IS NULL"
_OPEN_SHARE = "to_at IS NULL"
MIRRORS = "mirror > 0"


class StoredTarget(SQLModel, table=True):
    """An endpoint that this service has moved, or adopted. How it differs from what is on record is written by ``serving.scans``."""

    __tablename__ = "target"
    __table_args__ = (
        Index("ix_target_model_stage", "model", "stage"),
        Index("ix_target_next_scan_at", "next_scan_at"),
    )

    id: str = Field(primary_key=True)  # subscription/resource group/workspace/endpoint, in lower case
    model: str
    stage: str
    endpoint: Json | None = Field(default=None, sa_column=Column(JsonColumn))  # ``EndpointFacts`` as last read back
    since: datetime = Field(sa_type=UtcDateTime)
    updated_at: datetime = Field(sa_type=UtcDateTime)
    next_sweep_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # of idle deployments; None: not said yet
    drift: list[Json] = Field(default_factory=list, sa_column=Column(JsonColumn, nullable=False))  # as last compared
    drifted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # since when it differs
    scanned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  # when it was last compared
    next_scan_at: datetime | None = Field(
        default=None, sa_type=UtcDateTime
    )  # None: as soon as the schedule says, if there is one
    scan_problem: str | None = None  # why the last try to compare it came to nothing

    @property
    def differences(self) -> tuple[Difference, ...]:
        """In what it differs, as typed data."""
        return tuple(Difference.model_validate(each) for each in self.drift)


class Deployed(SQLModel, table=True):
    """A deployment at a target: made by a release, or found there, made by somebody else."""

    __tablename__ = "deployed"
    __table_args__ = (
        index_where("ix_deployed_open", "target", "name", where=_OPEN_DEPLOYMENT, unique=True),
        Index("ix_deployed_release", "release_id"),
    )

    id: int | None = Field(default=None, primary_key=True)
    target: str
    name: str  # in lower case
    release_id: str | None = None  # None: made by somebody else
    facts: Json = Field(sa_column=Column(JsonColumn, nullable=False))  # ``DeploymentFacts`` as last read back
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime)  # since when it is no more

    def read(self) -> DeploymentFacts:
        """As typed data."""
        return DeploymentFacts.model_validate(self.facts)


class TrafficShare(SQLModel, table=True):
    """A deployment's share of a target's traffic, in percent. ``from_event`` and ``to_event`` are numbers in the event chain."""

    __tablename__ = "traffic_share"
    __table_args__ = (
        Index("ix_traffic_share_target_from", "target", "from_at"),
        Index("ix_traffic_share_target_id", "target", "id"),
        Index("ix_traffic_share_target_to", "target", "to_at"),
        Index("ix_traffic_share_release_target", "release_id", "target", "id"),
        index_where("ix_traffic_share_mirror", "target", "from_at", where=MIRRORS),
        index_where("ix_traffic_share_open", "target", "deployment", where=_OPEN_SHARE, unique=True),
    )

    id: int | None = Field(default=None, primary_key=True)
    target: str
    deployment: str  # in lower case
    release_id: str | None = None  # None: made by somebody else
    model_version: str | None = None  # Azure's id
    model_digest: str | None = None
    weight: int  # of live traffic
    mirror: int
    from_at: datetime = Field(sa_type=UtcDateTime)
    to_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    from_event: int | None = None
    to_event: int | None = None
