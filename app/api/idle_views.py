"""How the API shows what stands idle at an endpoint, what it costs, and what becomes of it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from app.guardrails.schema import PricesSection
from app.serving.retention import Fate


class IdleView(BaseModel):
    """A deployment without live and mirror traffic, as far as is on record."""

    deployment: str
    release: str | None  # that made it; null: others did
    since: datetime  # without traffic
    instance_type: str | None
    instance_count: int
    instance_hours: float  # machines times hours, since then
    cost: float | None  # of these hours; null: no price is known
    then: Literal["keep", "scale_down", "delete"]  # what becomes of it
    at: datetime | None  # from when on; null: never by itself
    because: str

    @classmethod
    def of(cls, fate: Fate, *, now: datetime, prices: PricesSection | None) -> "IdleView":
        idle = fate.idle
        hours = idle.instance_count * max((now - idle.since).total_seconds(), 0) / 3600
        price = None if prices is None else prices.of(idle.instance_type)
        return cls(
            deployment=idle.name,
            release=idle.release,
            since=idle.since,
            instance_type=idle.instance_type,
            instance_count=idle.instance_count,
            instance_hours=round(hours, 2),
            cost=None if price is None else round(hours * price, 2),
            then=fate.then,
            at=fate.at,
            because=fate.because,
        )


class IdleReport(BaseModel):
    """All that is idle at an endpoint, the one that had traffic last first."""

    items: list[IdleView]
    instance_hours: float
    cost: float | None  # of those whose price is known; null: of none
    currency: str | None

    @classmethod
    def of(cls, fates: Sequence[Fate], *, now: datetime, prices: PricesSection | None) -> "IdleReport":
        items = [IdleView.of(each, now=now, prices=prices) for each in fates]
        costs = [each.cost for each in items if each.cost is not None]
        return cls(
            items=items,
            instance_hours=round(sum(each.instance_hours for each in items), 2),
            cost=round(sum(costs), 2) if costs else None,
            currency=None if prices is None else prices.currency,
        )
