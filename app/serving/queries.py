"""What serves at a target now: derived whenever it is asked, and stored nowhere as a sentence.

As far as this service brought it there, that is the newest release that succeeded. What was put there by others, or taken away since,
it does not know.
"""

from datetime import datetime

from sqlmodel import Session, col, func, select

from app.planning.plan import Replaced
from app.releases.states import Status
from app.releases.tables import Release, Rollout, StoredPlan
from app.serving.tables import TrafficShare


def serving_at(session: Session, target: str) -> Rollout | None:
    """The rollout that brought what serves there; None where nothing of this service's does."""
    query = select(Rollout).where(Rollout.target == target, Rollout.status == Status.SUCCEEDED)
    return session.exec(query.order_by(col(Rollout.finished_at).desc()).limit(1)).first()


def serving_now(session: Session, target: str) -> list[TrafficShare]:
    """What has a share of the traffic, live or mirrored, the largest first."""
    query = select(TrafficShare).where(TrafficShare.target == target, col(TrafficShare.to_at).is_(None))
    return list(session.exec(query.order_by(col(TrafficShare.weight).desc(), TrafficShare.deployment)).all())


def serving_since(session: Session, target: str, release: str) -> datetime | None:
    """Since when a release has had live traffic there without a break, however much of it. None: it has none now."""
    of_it = TrafficShare.target == target, TrafficShare.release_id == release, col(TrafficShare.weight) > 0
    rows = session.exec(select(TrafficShare).where(*of_it).order_by(col(TrafficShare.from_at).desc())).all()
    since = min((row.from_at for row in rows if row.to_at is None), default=None)
    for row in rows:
        if since is not None and row.to_at is not None and row.to_at >= since:
            since = min(since, row.from_at)
    return since


def where_serves(session: Session, model: str) -> list[Rollout]:
    """The rollouts of a model that brought what serves now, each at its target; by stage. One query."""
    succeeded = Rollout.status == Status.SUCCEEDED
    of_model = select(Rollout.target).join(Release, col(Release.id) == col(Rollout.release_id))
    targets = of_model.where(Release.model == model, succeeded)
    newest_first = func.row_number().over(partition_by=col(Rollout.target), order_by=col(Rollout.finished_at).desc())
    aged = (
        select(col(Rollout.id), newest_first.label("age")).where(col(Rollout.target).in_(targets), succeeded).subquery()
    )
    query = (
        select(Rollout)
        .join(aged, aged.c.id == col(Rollout.id))
        .join(Release, col(Release.id) == col(Rollout.release_id))
        .where(aged.c.age == 1, Release.model == model)
    )
    return list(session.exec(query.order_by(col(Rollout.position), col(Rollout.target))).all())


def replaced_at(session: Session, target: str) -> Replaced | None:
    """What serves at a target, as a plan names what it replaces: the release, and the digest of its plan."""
    serves = serving_at(session, target)
    return None if serves is None else Replaced(release=serves.release_id, plan=serves.plan_digest)


def replaced_plan(session: Session, plan: StoredPlan) -> StoredPlan | None:
    """The plan of what this one names as replaced by it; None where nothing served."""
    replaces = plan.read().replaces
    return session.get_one(StoredPlan, replaces.plan) if replaces else None
