"""How the API shows what serves."""

from datetime import datetime

from pydantic import BaseModel

from app.planning.places import Target
from app.serving.tables import StoredTarget, TrafficShare


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
