"""What serves at a target, now and at any other moment: read from the serving record."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, text
from sqlmodel import Session, col, or_, select

from app.database.portions import read_in_portions
from app.errors import NotFound
from app.identity.roles import Visible
from app.planning.plan import Replaced
from app.releases.tables import Rollout, StoredPlan
from app.serving.tables import MIRRORS, Deployed, StoredTarget, TrafficShare

WHOLE = 100  # percent of live traffic

_MIRRORS = text(f"traffic_share.{MIRRORS}")  # as in the index


def serving_now(session: Session, target: str) -> list[TrafficShare]:
    """What has a share of the traffic, live or mirrored, the largest first."""
    return serving_at_each(session, [target])[target]


def serving_when(session: Session, target: str, at: datetime) -> list[TrafficShare]:
    """What had a share of the traffic at a moment, the largest first."""
    begun = select(TrafficShare).where(TrafficShare.target == target, col(TrafficShare.from_at) <= at)
    newest_first = begun.order_by(col(TrafficShare.from_at).desc(), col(TrafficShare.id).desc())
    # One deployment at most has a mirror, and all live shares make 100: what began before those has ended.
    mirrored = session.exec(newest_first.where(_MIRRORS).limit(1)).all()
    found = [each for each in mirrored if not each.weight and _lasts_until(each, at)]
    live = 0
    for share in read_in_portions(session, newest_first.where(col(TrafficShare.weight) > 0)):
        if _lasts_until(share, at):
            found.append(share)
            live += share.weight
        if live >= WHOLE:
            break
    return sorted(found, key=_largest_first)


def history(session: Session, target: str, *, before: int | None = None, limit: int) -> list[TrafficShare]:
    """Every share that there was, the newest first. ``before``: only those whose id is lower."""
    query = select(TrafficShare).where(TrafficShare.target == target)
    if before is not None:
        query = query.where(col(TrafficShare.id) < before)
    return list(session.exec(query.order_by(col(TrafficShare.id).desc()).limit(limit)).all())


def deployed_at(session: Session, target: str) -> list[Deployed]:
    """The deployments that are known to be there now, with and without traffic, the oldest first."""
    query = select(Deployed).where(Deployed.target == target, col(Deployed.until).is_(None))
    return list(session.exec(query.order_by(col(Deployed.since), Deployed.name)).all())


def serving_since(session: Session, target: str, release: str) -> datetime | None:
    """Since when a release has had live traffic there without a break, however much of it. None: it has none now."""
    of_it = TrafficShare.target == target, TrafficShare.release_id == release, col(TrafficShare.weight) > 0
    rows = session.exec(select(TrafficShare).where(*of_it).order_by(col(TrafficShare.from_at).desc())).all()
    since = min((row.from_at for row in rows if row.to_at is None), default=None)
    for row in rows:
        if since is not None and row.to_at is not None and row.to_at >= since:
            since = min(since, row.from_at)
    return since


def model_at(session: Session, target: str) -> str | None:
    """The model that a target was last moved for; None: this service has moved nothing there."""
    found = session.get(StoredTarget, target)
    return None if found is None else found.model


def no_such_target() -> NotFound:
    """The error for a target that does not exist or may not be seen: both get the same message."""
    return NotFound(
        "There is no such target.",
        code="target_not_found",
        hint="Nothing was released there. `mlrelease served` shows where something was.",
    )


def replaced_at(session: Session, target: str, *, by: str | None, before: Replaced | None = None) -> Replaced | None:
    """What has most of a target's live traffic, as a plan names what it replaces.

    ``by``: the deployment that the plan brings. Where that has all of the traffic already, as when a rollout is tried again, the plan
    still replaces what it replaced ``before``.
    """
    live = [share for share in serving_now(session, target) if share.weight]
    for share in live:
        if share.deployment != by:
            plan = _plan_of(session, share)
            return Replaced(deployment=share.deployment, release=share.release_id, model=share.model_version, plan=plan)
    return before if live else None


def _plan_of(session: Session, share: TrafficShare) -> str | None:
    """The digest of the plan that brought it there; None: others made it."""
    if share.release_id is None:
        return None
    query = select(Rollout).where(Rollout.release_id == share.release_id).order_by(col(Rollout.position).desc())
    return next((each.plan_digest for each in session.exec(query).all() if each.target == share.target), None)


def replaced_plan(session: Session, plan: StoredPlan) -> StoredPlan | None:
    """The plan of what this one names as replaced by it; None where nothing served, and where others had made what did."""
    replaces = plan.read().replaces
    return session.get_one(StoredPlan, replaces.plan) if replaces and replaces.plan else None


def list_targets(
    session: Session,
    *,
    model: str | None = None,
    stage: str | None = None,
    visible: Visible = None,
    before: tuple[datetime, str] | None = None,
    limit: int,
) -> list[StoredTarget]:
    """The newest first. ``before``: only those behind the one that is on record since then."""
    query = select(StoredTarget).order_by(col(StoredTarget.since).desc(), col(StoredTarget.id).desc()).limit(limit)
    if model is not None:
        query = query.where(StoredTarget.model == model)
    if stage is not None:
        query = query.where(StoredTarget.stage == stage)
    if visible is not None:
        query = query.where(col(StoredTarget.model).in_(visible))
    if before is not None:
        since, target = before
        later = and_(col(StoredTarget.since) == since, col(StoredTarget.id) < target)
        query = query.where(or_(col(StoredTarget.since) < since, later))
    return list(session.exec(query).all())


def targets_of(session: Session, model: str) -> list[StoredTarget]:
    """The targets that are a model's, as far as this service has moved them."""
    query = select(StoredTarget).where(StoredTarget.model == model)
    return list(session.exec(query.order_by(StoredTarget.stage, StoredTarget.id)).all())


def serving_at_each(session: Session, targets: Sequence[str]) -> dict[str, list[TrafficShare]]:
    """What serves at each of these targets, as ``serving_now`` gives it. One query."""
    found: dict[str, list[TrafficShare]] = {target: [] for target in targets}
    query = select(TrafficShare).where(col(TrafficShare.target).in_(found), col(TrafficShare.to_at).is_(None))
    # In the order of the index of open shares: by weight SQLite would take another index, and read all that ever were.
    for share in session.exec(query.order_by(TrafficShare.target, TrafficShare.deployment)).all():
        found[share.target].append(share)
    return {target: sorted(shares, key=_largest_first) for target, shares in found.items()}


def _lasts_until(share: TrafficShare, at: datetime) -> bool:
    return share.to_at is None or share.to_at > at


def _largest_first(share: TrafficShare) -> tuple[int, str]:
    return -share.weight, share.deployment
