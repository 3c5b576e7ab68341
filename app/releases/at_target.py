"""Reading what moves a target, waits for it, or is to bring something there."""

from collections.abc import Collection, Sequence

from sqlalchemy import and_, or_
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from app.errors import Conflict
from app.events.tables import Event
from app.planning.kinds import MirrorTraffic, ShiftTraffic
from app.planning.purpose import Purpose
from app.planning.steps import On
from app.releases.order import way_back
from app.releases.queries import plan_of, steps_of
from app.releases.states import DRIVEN, FINAL, UNDER_WAY, WAITING, Status
from app.releases.tables import Release, Rollout, StepRun

# Of a rollout that has begun, and stopped before its end: it waits for people, for a time or for its turn to go on.
_STOPPED = and_(
    col(Rollout.status).in_({Status.QUEUED, Status.SCHEDULED, Status.PENDING_APPROVAL, Status.PAUSED}),
    col(Rollout.started_at).is_not(None),
)

# Of a rollout that has begun to move its target and has not ended. Without an "or": SQLite would read all that ever were.
MOVES = and_(
    col(Rollout.status).in_(UNDER_WAY | WAITING | {Status.PAUSED}),
    col(Rollout.started_at).is_not(None),
)


def waiting_before(session: Session, release: Release, rollout: Rollout) -> list[Rollout]:
    """Rollouts of older releases of the same model that wait for the same target: for an approval, or in the queue.

    Not what goes back there, or is adopted: nothing newer comes in place of that.
    """
    waits = [Status.PENDING_APPROVAL, Status.SCHEDULED, Status.QUEUED]
    query = _of_its_model_at(release, rollout, waits).where(
        col(Release.number) < release.number, Release.purpose == Purpose.RELEASE
    )
    return list(session.exec(query.order_by(col(Release.number)).with_for_update()).all())


def overtaken_by(session: Session, release: Release, rollout: Rollout) -> Rollout | None:
    """The newest release's rollout of the same model that has got to the same target before; not one that was given up there."""
    there = [
        Status.PENDING_APPROVAL,
        Status.SCHEDULED,
        Status.QUEUED,
        Status.IN_PROGRESS,
        Status.PAUSED,
        Status.SUCCEEDED,
    ]
    query = _of_its_model_at(release, rollout, there).where(
        col(Release.number) > release.number,
        col(Release.purpose).not_in([Purpose.ADOPTION, Purpose.REVERT]),  # which bring nothing newer
    )
    return session.exec(query.order_by(col(Release.number).desc()).limit(1)).first()


def in_the_way(session: Session, target: str, model: str) -> list[Rollout]:
    """A model's rollouts that move a target, or wait for it, or were paused on the way."""
    there = [Status.PENDING_APPROVAL, Status.SCHEDULED, Status.PAUSED, *DRIVEN]
    query = select(Rollout).join(Release, col(Release.id) == col(Rollout.release_id))
    query = query.where(Rollout.target == target, col(Rollout.status).in_(there), Release.model == model)
    return list(session.exec(query.order_by(col(Release.number))).all())


def _of_its_model_at(release: Release, rollout: Rollout, statuses: Sequence[Status]) -> SelectOfScalar[Rollout]:
    """Rollouts of the release's model at the rollout's target that are so."""
    return (
        select(Rollout)
        .join(Release, col(Release.id) == col(Rollout.release_id))
        .where(Rollout.target == rollout.target, col(Rollout.status).in_(statuses), Release.model == release.model)
    )


def under_way_at(session: Session, rollout: Rollout) -> str | None:
    """The id of another rollout that has begun at the same target and has not ended."""
    query = select(Rollout).where(Rollout.target == rollout.target, MOVES)
    found = session.exec(query.where(Rollout.id != rollout.id).order_by(col(Rollout.started_at))).all()
    return next((each.id for each in found if each.status in UNDER_WAY or must_go_back(session, each)), None)


def has_begun_to_go_back(session: Session, rollout: Rollout) -> bool:
    """Whether a step of its way back was ever begun."""
    back = {step.key for step in plan_of(session, rollout).read().steps if step.on is On.FAILURE}
    return any(step.attempts for step in steps_of(session, rollout.id) if step.key in back)


def must_go_back(session: Session, rollout: Rollout) -> bool:
    """Whether it has begun what its plan brings back: it is not simply ended, and keeps its target until it has gone on or back.

    One whose plan was changed past the service keeps it, too, once it has moved traffic: a worker that takes it up ends it.
    """
    steps = steps_of(session, rollout.id)
    begun = {step.key for step in steps if step.attempts}
    ends = {step.key: step.status for step in steps if step.status.is_final}
    if not begun:
        return False
    try:
        plan = plan_of(session, rollout).read()
    except Conflict:
        return _has_moved_traffic(steps)
    return bool(way_back(plan.steps, ends, begun))


def _has_moved_traffic(steps: Sequence[StepRun]) -> bool:
    """Whether one of these has begun to, by their keys alone."""
    kinds = {ShiftTraffic.kind, MirrorTraffic.kind}
    return any(step.attempts and step.key.partition(":")[0] in kinds for step in steps)


def moved_by(session: Session, target: str) -> str | None:
    """The id of the rollout that moves a target now, or waits in the middle of that."""
    return session.exec(select(Rollout.id).where(Rollout.target == target, MOVES).limit(1)).first()


def planned_at(session: Session, target: str, names: Collection[str]) -> set[str]:
    """Which of these deployments, in lower case, releases made at a target, or were to make there."""
    query = select(Rollout.deployment).where(Rollout.target == target, col(Rollout.deployment).in_(names))
    found = session.exec(query.distinct()).all()
    return {name.lower() for name in found if name is not None}


def wanted_at(session: Session, target: str) -> set[str]:
    """The names, in lower case, of the deployments that rollouts are about to bring, or to go on with, once they begin there."""
    query = select(Rollout.deployment).where(Rollout.target == target, col(Rollout.status).in_(set(Status) - FINAL))
    return {name.lower() for name in session.exec(query).all() if name is not None}


def whose_turn(session: Session, target: str) -> Rollout | None:
    """The rollout that may move a target now: the one that is under way there, else the one that was queued there first."""
    there = or_(col(Rollout.status).in_(DRIVEN), _STOPPED)
    all_there = session.exec(select(Rollout).where(Rollout.target == target, there)).all()
    under_way = [each for each in all_there if each.status in UNDER_WAY]
    stopped = [each for each in all_there if each.started_at is not None and each.status not in UNDER_WAY]
    keeps = None if under_way else next((each for each in stopped if must_go_back(session, each)), None)
    if keeps is not None:
        return keeps if keeps.status in DRIVEN else None
    found = [each for each in all_there if each.status in DRIVEN]
    if under_way or len(found) <= 1:
        return next(iter([*under_way, *found]), None)
    queued = col(Event.subject).in_([each.id for each in found]), Event.kind == f"rollout.{Status.QUEUED}"
    of_these = col(Event.release_id).in_([each.release_id for each in found])
    # By the record of events: the clocks of those who queued them may differ.
    last = dict(
        session.exec(select(Event.subject, func.max(Event.seq)).where(of_these, *queued).group_by(Event.subject)).all()
    )
    return min(found, key=lambda each: (last.get(each.id, 0), each.id))


def is_queued_at(session: Session, target: str) -> bool:
    """Whether a rollout waits for its turn at a target."""
    query = select(Rollout.id).where(Rollout.target == target, Rollout.status == Status.QUEUED).limit(1)
    return session.exec(query).first() is not None


def asking_at(session: Session, target: str) -> list[Rollout]:
    """Rollouts that wait for people before they move a target."""
    query = select(Rollout).where(Rollout.target == target, Rollout.status == Status.PENDING_APPROVAL)
    return list(session.exec(query.order_by(col(Rollout.id))).all())
