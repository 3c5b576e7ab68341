"""Comparing a target with Azure: when it is due, and what came of it. The only writer of a target's drift.

An event is appended only when something is otherwise than at the last comparison. While a rollout moves a target, nothing is compared:
its own steps read back what they set.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists
from sqlmodel import Session, col, func, or_, select

from app.events.work import UnitOfWork
from app.planning.kinds import PublishSecrets
from app.planning.observed import EndpointFacts, Observed
from app.releases.at_target import MOVES, moved_by, planned_at
from app.releases.states import Status, StepStatus
from app.releases.tables import Rollout, StepRun, StoredPlan
from app.serving.drift import differences
from app.serving.queries import deployed_at, serving_now
from app.serving.tables import Deployed, StoredTarget

DRIFTED, IN_LINE = "target.drifted", "target.in_line"


@dataclass(frozen=True)
class Scan:
    """A comparison that has begun: what was on record then, and when the target was last moved before.

    ``again_at``: when it is due again should its worker be lost, as it stands at the target until somebody asks for another one.
    """

    target: str
    again_at: datetime
    key_vault: str | None
    recorded: Observed
    moved_at: datetime | None


def due_scans(session: Session, *, now: datetime, scheduled: bool, limit: int) -> list[str]:
    """Targets to be compared by now. ``scheduled``: also where nobody asked for it."""
    due = col(StoredTarget.next_scan_at) <= now
    if scheduled:
        due = or_(due, col(StoredTarget.next_scan_at).is_(None))
    query = select(StoredTarget.id).where(due, ~_is_moved())
    return list(session.exec(query.order_by(col(StoredTarget.next_scan_at)).limit(limit)).all())


def begin_scan(work: UnitOfWork, target: str, *, again_at: datetime) -> Scan | None:
    """Begin a comparison that is due; None where another worker has, or the target is moved. ``again_at``: if this worker is lost."""
    row = work.get(StoredTarget, target, with_for_update=True)
    if row is None or (row.next_scan_at is not None and row.next_scan_at > work.now):
        return None
    if moved_by(work, target) is not None:
        return None
    row.next_scan_at = again_at
    work.add(row)
    return Scan(target, again_at, published_in(work, target), recorded_at(work, row), _moved_at(work, target))


def end_scan(
    work: UnitOfWork,
    scan: Scan,
    seen: Observed,
    *,
    stale_secrets: tuple[str, ...],
    next_at: datetime | None,
) -> None:
    """Keep what differs. What was read while this service changed the target is not believed: it is due again at once.

    So is what may have been read before somebody asked for a comparison: they want to know what is there since.
    """
    row = work.get_one(StoredTarget, scan.target, with_for_update=True)
    recorded = recorded_at(work, row)
    if moved_by(work, scan.target) or (recorded, _moved_at(work, scan.target)) != (scan.recorded, scan.moved_at):
        row.next_scan_at = work.now
        work.add(row)
        return
    if _asked_meanwhile(row, scan):
        return
    found = differences(recorded, seen, planned=left_at(work, scan.target, seen), stale_secrets=stale_secrets)
    row.scanned_at, row.next_scan_at, row.scan_problem = work.now, next_at, None
    if found != row.differences:
        row.drift = [each.model_dump(mode="json") for each in found]
        row.drifted_at = (row.drifted_at or work.now) if found else None
        work.append_event(
            DRIFTED if found else IN_LINE,
            subject=row.id,
            model=row.model,
            data={"stage": row.stage, "differences": row.drift},
        )
    work.add(row)


def put_off(work: UnitOfWork, scan: Scan, *, sentence: str, next_at: datetime | None) -> None:
    """It could not be compared; what was known stays."""
    row = work.get_one(StoredTarget, scan.target, with_for_update=True)
    row.scan_problem = sentence
    if not _asked_meanwhile(row, scan):
        row.next_scan_at = next_at
    work.add(row)


def _asked_meanwhile(row: StoredTarget, scan: Scan) -> bool:
    """Or another one has begun since: each leaves another time."""
    return row.next_scan_at != scan.again_at


def ask_for_scan(work: UnitOfWork, row: StoredTarget) -> None:
    """Have it compared as soon as a worker can."""
    row.next_scan_at = work.now
    work.add(row)


def recorded_at(session: Session, row: StoredTarget) -> Observed:
    """All that is on record of a target now."""
    shares = serving_now(session, row.id)
    return Observed(
        traffic={each.deployment: each.weight for each in shares},
        mirror={each.deployment: each.mirror for each in shares},
        deployments=tuple(each.read() for each in deployed_at(session, row.id)),
        endpoint=None if row.endpoint is None else EndpointFacts.model_validate(row.endpoint),
    )


def changed_at(session: Session, target: str) -> set[str]:
    """Names of deployments that were not as they are on record when the target was last compared."""
    row = session.get(StoredTarget, target)
    known = {each.name for each in deployed_at(session, target)}
    return set() if row is None else known & {each.subject for each in row.differences}


def published_in(session: Session, target: str) -> str | None:
    """The Key Vault that the endpoint's secrets were last published to, if they were."""
    query = (
        select(StoredPlan)
        .join(Rollout, col(Rollout.plan_digest) == col(StoredPlan.digest))
        .join(StepRun, col(StepRun.rollout_id) == col(Rollout.id))
        .where(Rollout.target == target, StepRun.key == PublishSecrets.kind, StepRun.status == StepStatus.SUCCEEDED)
    )
    plan = session.exec(query.order_by(col(StepRun.finished_at).desc()).limit(1)).first()
    return None if plan is None else plan.read().target.key_vault


def _is_moved() -> ColumnElement[bool]:
    return exists().where(col(Rollout.target) == col(StoredTarget.id), MOVES)


def _moved_at(session: Session, target: str) -> datetime | None:
    """When a rollout last ended there: with ``moved_by`` it tells whether one has moved it between two looks."""
    ends = [
        session.exec(
            select(func.max(Rollout.finished_at)).where(Rollout.target == target, Rollout.status == each)
        ).one()
        for each in Status  # each is the end of an index; of all at once every rollout would be read
    ]
    return max((each for each in ends if each is not None), default=None)


def left_at(session: Session, target: str, seen: Observed) -> set[str]:
    """Names of deployments seen there that releases were to make and that never came on record: some were left half done."""
    names = {each.name for each in seen.deployments}
    known = session.exec(select(Deployed.name).where(Deployed.target == target, col(Deployed.name).in_(names))).all()
    return planned_at(session, target, names) - set(known)
