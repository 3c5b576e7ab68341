"""Deployments without traffic, as far as is on record, and when a target is next looked at for more of them."""

from datetime import datetime

from sqlmodel import Session, col, or_, select

from app.definitions.queries import latest
from app.definitions.schema import Definition, RetentionSection
from app.errors import NotFound
from app.events.work import UnitOfWork
from app.planning.tags import MODEL_TAG
from app.releases.at_target import planned_at, wanted_at
from app.serving.earlier import proven_at
from app.serving.queries import deployed_at, serving_now
from app.serving.retention import FEWEST_INSTANCES, Fate, Idle, fates
from app.serving.tables import Deployed, StoredTarget, TrafficShare


def fates_at(session: Session, target: StoredTarget) -> list[Fate]:
    """What becomes of each deployment without traffic there, the one first that had some last."""
    idle = sorted(_idle_at(session, target.id), key=lambda each: (each.since, each.name), reverse=True)
    return fates(idle, _retention_of(session, target.model), model=target.model)


def due_sweeps(session: Session, *, now: datetime, limit: int) -> list[str]:
    """The targets that are to be looked at by now."""
    due = or_(col(StoredTarget.next_sweep_at).is_(None), col(StoredTarget.next_sweep_at) <= now)
    query = select(StoredTarget.id).where(due).order_by(col(StoredTarget.next_sweep_at), StoredTarget.id)
    return list(session.exec(query.limit(limit)).all())


def begin_sweep(work: UnitOfWork, target: str, *, next_at: datetime) -> bool:
    """Whether it is due, and this worker is the first to see that. One that is new is due at ``next_at``."""
    row = work.get_one(StoredTarget, target, with_for_update=True)
    before = row.next_sweep_at
    if before is not None and before > work.now:
        return False
    row.next_sweep_at = next_at
    work.add(row)
    return before is not None


def _idle_at(session: Session, target: str) -> list[Idle]:
    busy = {each.deployment for each in serving_now(session, target)} | wanted_at(session, target)
    idle = [row for row in deployed_at(session, target) if row.name not in busy]
    names = {row.name for row in idle}
    good = proven_at(session, target, names)
    ours = planned_at(session, target, names)  # a tag of this service may be another installation's
    return [
        _idle(
            row,
            is_ours=row.name in ours,
            good=row.name in good,
            since=_ended(session, row) or row.since,
        )
        for row in idle
    ]


def _ended(session: Session, row: Deployed) -> datetime | None:
    """Since when it has no traffic any more; None: it never had some."""
    of_it = TrafficShare.release_id == row.release_id, TrafficShare.target == row.target
    ends = session.exec(select(TrafficShare.to_at).where(*of_it, TrafficShare.deployment == row.name)).all()
    return max((each for each in ends if each is not None), default=None)


def _idle(row: Deployed, *, is_ours: bool, good: bool, since: datetime) -> Idle:
    facts = row.read()
    return Idle(
        name=facts.name,
        release=row.release_id if is_ours else None,
        model=facts.tags.get(MODEL_TAG),
        good=good,
        since=max(since, row.since),
        instance_type=facts.instance_type,
        instance_count=facts.instance_count or FEWEST_INSTANCES,
    )


def _retention_of(session: Session, model: str) -> RetentionSection | None:
    """By the newest version of the model's definition; None also where the model has none any more."""
    try:
        return Definition.model_validate(latest(session, model).content).retention
    except NotFound:
        return None
