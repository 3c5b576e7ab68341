"""How the API shows what serves, served, and by whose word."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from pydantic import BaseModel

from app.api.paging import Page
from app.approvals.tables import Decision
from app.planning.places import Target
from app.releasing.traffic_moves import TrafficMove
from app.serving.tables import Deployed, StoredTarget, TrafficShare


class ShareView(BaseModel):
    """A deployment's share of an endpoint's traffic, in percent."""

    deployment: str
    release: str | None  # that made it; null: others did
    model_version: str | None  # Azure's id
    model_digest: str | None
    weight: int  # of live traffic
    mirror: int
    since: datetime  # since when it has this share

    @classmethod
    def of(cls, share: TrafficShare) -> "ShareView":
        fields = share.model_dump(include=set(cls.model_fields))
        return cls(**fields, release=share.release_id, since=share.from_at)


class ServingView(ShareView):
    """What serves now at a stage's endpoint."""

    stage: str
    workspace: str
    endpoint: str

    @classmethod
    def at(cls, target: StoredTarget, share: TrafficShare) -> "ServingView":
        where = Target.parse(target.id)
        return cls(
            **vars(ShareView.of(share)), stage=target.stage, workspace=where.place.workspace, endpoint=where.endpoint
        )


class ApprovalView(BaseModel):
    actor: str
    at: datetime
    emergency: bool  # by break-glass
    reason: str

    @classmethod
    def of(cls, decision: Decision) -> "ApprovalView":
        return cls(**decision.model_dump(include=set(cls.model_fields)))


class MoveView(BaseModel):
    """A change of traffic, and by whose word. Without a release: found as others had made it, or of a model that you cannot see."""

    event: int  # its number in the event chain
    at: datetime
    release: str | None  # that moved the traffic
    requested_by: str | None
    requested_at: datetime | None
    approvals: list[ApprovalView]

    @classmethod
    def of(cls, move: TrafficMove) -> "MoveView":
        return cls(**{**vars(move), "approvals": [ApprovalView.of(each) for each in move.approvals]})


class ServedView(ShareView):
    """A share of an endpoint's traffic from when to when, and by whose word it came and went."""

    until: datetime | None  # null: until now
    begun: MoveView | None
    ended: MoveView | None

    @classmethod
    def by(cls, share: TrafficShare, moves: Mapping[int, TrafficMove]) -> "ServedView":
        begun, ended = moves.get(share.from_event or 0), moves.get(share.to_event or 0)
        return cls(
            **vars(ShareView.of(share)),
            until=share.to_at,
            begun=None if begun is None else MoveView.of(begun),
            ended=None if ended is None else MoveView.of(ended),
        )


class TargetView(BaseModel):
    """An endpoint that releases are moved to. Its `id` is subscription/resource group/workspace/endpoint, in lower case."""

    id: str
    model: str
    stage: str
    subscription: str
    resource_group: str
    workspace: str
    endpoint: str
    serving: Sequence[ShareView]  # what has traffic now, the largest share first
    since: datetime  # since when it is on record
    updated_at: datetime

    @classmethod
    def of(cls, target: StoredTarget, serving: Sequence[TrafficShare]) -> "TargetView":
        where = Target.parse(target.id)
        return cls(
            **target.model_dump(include={"id", "model", "stage", "since", "updated_at"}),
            **vars(where.place),
            endpoint=where.endpoint,
            serving=[ShareView.of(each) for each in serving],
        )


class DeployedView(BaseModel):
    """A deployment that is known to be there, with or without traffic, as it was last read back from Azure."""

    name: str
    release: str | None  # that made it; null: others did
    model: str | None  # Azure's id
    digest: str | None
    environment: str | None  # Azure's id
    instance_type: str | None
    instance_count: int | None
    since: datetime

    @classmethod
    def of(cls, deployed: Deployed) -> "DeployedView":
        return cls(**deployed.read().model_dump(include=set(cls.model_fields)), since=deployed.since)


class EndpointView(BaseModel):
    """An endpoint as it was last read back from Azure."""

    location: str
    auth_mode: str
    public_network_access: str | None
    scoring_uri: str | None


class TargetDetail(TargetView):
    serving: Sequence[ServedView]  # also by whose word it came
    deployments: list[DeployedView]
    azure: EndpointView | None  # null: it was never read back

    @classmethod
    def whole(
        cls,
        target: StoredTarget,
        serving: Sequence[TrafficShare],
        *,
        moves: Mapping[int, TrafficMove],
        deployments: Sequence[Deployed],
    ) -> "TargetDetail":
        return cls(
            **{**vars(TargetView.of(target, ())), "serving": [ServedView.by(each, moves) for each in serving]},
            deployments=[DeployedView.of(each) for each in deployments],
            azure=None if target.endpoint is None else EndpointView.model_validate(target.endpoint),
        )


class TargetPage(Page):
    items: list[TargetView]


class ServedPage(Page):
    items: list[ServedView]
