"""Reading releases."""

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import takewhile

from sqlalchemy import and_, bindparam, or_, tuple_
from sqlmodel import Session, col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from app.errors import Conflict, NotFound
from app.events.tables import Event
from app.identity.roles import Visible
from app.planning.ids import rollout_id_of
from app.planning.kinds import MirrorTraffic, ShiftTraffic
from app.planning.purpose import Purpose
from app.planning.steps import On
from app.releases.order import way_back
from app.releases.plans import digest_of
from app.releases.states import ASKING, DRIVEN, FINAL, UNDER_WAY, Control, Status, StepStatus
from app.releases.tables import Release, Rollout, StepRun, StoredPlan

PLAN_NOT_ON_RECORD = "plan_not_on_record"

# Of a rollout that has begun to move its target and has not ended.
MOVES = or_(
    col(Rollout.status).in_(UNDER_WAY),
    and_(col(Rollout.status) == Status.PAUSED, col(Rollout.started_at).is_not(None)),
)

# Of a rollout that has begun, and stopped before its end: it waits for people, for a time or for its turn to go on.
_STOPPED = and_(
    col(Rollout.status).in_({Status.QUEUED, Status.SCHEDULED, Status.PENDING_APPROVAL, Status.PAUSED}),
    col(Rollout.started_at).is_not(None),
)

# Made once: to put a statement together takes longer than to send it, and this one is in every turn of a rollout.
_STEPS = select(StepRun).where(col(StepRun.rollout_id) == bindparam("rollout")).order_by(col(StepRun.position))


def get_release(session: Session, release_id: str) -> Release:
    """Raises NotFound."""
    release = session.get(Release, release_id)
    if release is None:
        raise no_such_release(release_id)
    return release


def no_such_release(release_id: str) -> NotFound:
    """The error for a model that does not exist or may not be seen: both get the same message."""
    return NotFound(
        f"There is no release {release_id!r}.",
        code="release_not_found",
        hint="`mlrelease release list` shows those that there are.",
    )


def revision_of(session: Session, release_id: str) -> int:
    """The release's revision, from its one indexed row. Raises NotFound."""
    revision = session.exec(select(Release.revision).where(Release.id == release_id)).first()
    return get_release(session, release_id).revision if revision is None else revision


def get_rollout(session: Session, release_id: str, stage: str) -> Rollout:
    """Raises NotFound."""
    rollout = session.get(Rollout, rollout_id_of(release_id, stage))
    if rollout is None:
        release = get_release(session, release_id)
        if stage in release.stages:
            raise NotFound(
                f"{release_id} has no plan for {stage} yet: it is {release.status.value}. {release.sentence}",
                code="rollout_not_planned",
            )
        raise NotFound(
            f"{release_id} does not go to {stage!r}.",
            code="stage_not_in_release",
            hint=f"Its stages: {', '.join(release.stages)}.",
        )
    return rollout


def rollouts_of(session: Session, release_id: str) -> list[Rollout]:
    """In the order of the stages."""
    query = select(Rollout).where(Rollout.release_id == release_id).order_by(col(Rollout.position))
    return list(session.exec(query).all())


def rollout_ahead(session: Session, release: Release) -> Rollout | None:
    """Where the release is at: the first of its stages that has not succeeded. None when all have, and before it is planned."""
    for stage in release.stages:
        rollout = session.get(Rollout, rollout_id_of(release.id, stage))
        if rollout is not None and rollout.status is not Status.SUCCEEDED:
            return rollout
    return None


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


def plan_of(session: Session, rollout: Rollout) -> StoredPlan:
    """What a rollout will do. Raises Conflict for a plan that is not what its digest says: it was changed past the service."""
    plan = session.get_one(StoredPlan, rollout.plan_digest)
    if digest_of(plan.document) != plan.digest:
        raise Conflict(
            f"The plan of {rollout.id} was changed past the service.",
            code=PLAN_NOT_ON_RECORD,
            hint="`mlrelease audit verify` says what else was.",
        )
    return plan


def plans_of(session: Session, rollouts: Sequence[Rollout]) -> dict[str, StoredPlan]:
    """Their plans, by digest."""
    digests = [each.plan_digest for each in rollouts]
    found = session.exec(select(StoredPlan).where(col(StoredPlan.digest).in_(digests))).all() if digests else []
    return {plan.digest: plan for plan in found}


def under_way_at(session: Session, rollout: Rollout) -> str | None:
    """The id of another rollout that has begun at the same target and has not ended."""
    query = select(Rollout).where(Rollout.target == rollout.target, or_(col(Rollout.status).in_(UNDER_WAY), _STOPPED))
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
        return has_moved_traffic(steps)
    return bool(way_back(plan.steps, ends, begun))


def has_moved_traffic(steps: Sequence[StepRun]) -> bool:
    """Whether one of these has begun to, by their keys alone."""
    kinds = {ShiftTraffic.kind, MirrorTraffic.kind}
    return any(step.attempts and step.key.partition(":")[0] in kinds for step in steps)


def moved_by(session: Session, target: str) -> str | None:
    """The id of the rollout that moves a target now, or is paused in the middle of that."""
    return session.exec(select(Rollout.id).where(Rollout.target == target, MOVES).limit(1)).first()


def planned_at(session: Session, target: str) -> set[str]:
    """The names, in lower case, of the deployments that releases made at a target, or were to make there."""
    found = session.exec(select(Rollout.deployment).where(Rollout.target == target)).all()
    return {name.lower() for name in found if name is not None}


def wanted_at(session: Session, target: str) -> set[str]:
    """The names, in lower case, of the deployments that rollouts are about to bring, or to go on with, once they begin there."""
    query = select(Rollout.deployment).where(Rollout.target == target, col(Rollout.status).not_in(FINAL))
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


def due(session: Session, *, now: datetime, limit: int) -> list[str]:
    """The ids of rollouts to which something is to happen by itself by now, the earliest first."""
    query = select(Rollout.id).where(col(Rollout.due_at) <= now).order_by(col(Rollout.due_at)).limit(limit)
    return list(session.exec(query).all())


def asking_at(session: Session, target: str) -> list[Rollout]:
    """Rollouts that wait for people before they move a target."""
    query = select(Rollout).where(Rollout.target == target, Rollout.status == Status.PENDING_APPROVAL)
    return list(session.exec(query.order_by(col(Rollout.id))).all())


def waiting_of(session: Session, model: str) -> list[Rollout]:
    """A model's rollouts that wait for people or for a time, whatever they will move."""
    query = select(Rollout).join(Release, col(Release.id) == col(Rollout.release_id)).where(Release.model == model)
    waits = col(Rollout.status).in_([Status.PENDING_APPROVAL, Status.SCHEDULED])
    return list(session.exec(query.where(waits).order_by(col(Rollout.id))).all())


def waiting_for_people(session: Session, *, visible: Visible = None, limit: int = 100) -> list[Rollout]:
    """Rollouts that nobody has decided on yet, those that were asked about first first."""
    query = select(Rollout).where(Rollout.status == Status.PENDING_APPROVAL)
    if visible is not None:
        query = query.join(Release, col(Release.id) == col(Rollout.release_id)).where(col(Release.model).in_(visible))
    return list(session.exec(query.order_by(col(Rollout.asked_at), col(Rollout.id)).limit(limit)).all())


def asking(session: Session, *, visible: Visible = None, limit: int = 100) -> list[Rollout]:
    """Rollouts that ask a person what an analysis could not decide."""
    query = select(Rollout).where(Rollout.status == Status.IN_PROGRESS, col(Rollout.code).in_(ASKING))
    if visible is not None:
        query = query.join(Release, col(Release.id) == col(Rollout.release_id)).where(col(Release.model).in_(visible))
    return list(session.exec(query.order_by(col(Rollout.id)).limit(limit)).all())


def scheduled(session: Session) -> list[Rollout]:
    """Rollouts that wait for a freeze or a hold to end."""
    return list(session.exec(select(Rollout).where(Rollout.status == Status.SCHEDULED)).all())


def steps_of(session: Session, rollout_id: str) -> list[StepRun]:
    """In the order of the plan."""
    return list(session.exec(_STEPS, params={"rollout": rollout_id}).all())


def steps_of_release(session: Session, release_id: str) -> dict[str, list[StepRun]]:
    """By rollout id, in the order of the plan: one query for the whole release."""
    query = (
        select(StepRun)
        .join(Rollout, col(Rollout.id) == col(StepRun.rollout_id))
        .where(Rollout.release_id == release_id)
        .order_by(col(StepRun.position))
    )
    found: dict[str, list[StepRun]] = {}
    for step in session.exec(query).all():
        found.setdefault(step.rollout_id, []).append(step)
    return found


def running_steps(session: Session, *, visible: Visible = None) -> list[StepRun]:
    """Everything that is being carried out, the longest first."""
    query = select(StepRun).where(StepRun.status == StepStatus.RUNNING).order_by(col(StepRun.started_at))
    if visible is not None:
        query = query.join(Rollout, col(Rollout.id) == col(StepRun.rollout_id))
        query = query.join(Release, col(Release.id) == col(Rollout.release_id)).where(col(Release.model).in_(visible))
    return list(session.exec(query).all())


def list_releases(
    session: Session,
    *,
    model: str | None = None,
    statuses: Sequence[Status] = (),
    job: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
    visible: Visible = None,
) -> list[Release]:
    """The newest first; ``before`` is when, and the id, of the release where the page before ended.

    Not by the last change: what changes between two pages would move to another one, and be missed.
    """
    query = select(Release).order_by(col(Release.created_at).desc(), col(Release.id).desc()).limit(limit)
    if visible is not None:
        query = query.where(col(Release.model).in_(visible))
    if model is not None:
        query = query.where(Release.model == model)
    if statuses:
        query = query.where(col(Release.status).in_(statuses))
    if job is not None:
        query = query.where(Release.job == job)
    if before is not None:
        query = query.where(tuple_(col(Release.created_at), col(Release.id)) < before)
    return list(session.exec(query).all())


def list_events(
    session: Session,
    *,
    release_id: str | None = None,
    after: int = 0,
    limit: int = 200,
    visible: Visible = None,
) -> list[Event]:
    """The oldest first, from the one after ``after``. What belongs to no model is seen by those who see all."""
    query = select(Event).where(col(Event.seq) > after).order_by(col(Event.seq)).limit(limit)
    if visible is not None:
        query = query.where(col(Event.model).in_(visible))
    if release_id is not None:
        query = query.where(Event.release_id == release_id)
    return list(session.exec(query).all())


def last_in_a_row(session: Session, release_id: str, kind: str, *, limit: int) -> list[Event]:
    """A release's last events as long as they are of this kind, the newest first."""
    query = select(Event).where(Event.release_id == release_id).order_by(col(Event.seq).desc()).limit(limit)
    return list(takewhile(lambda event: event.kind == kind, session.exec(query).all()))


def last_asked(session: Session, release_id: str, control: Control) -> tuple[str, str]:
    """Who asked this of a release the last time, and why: as its events say. Nobody has: two empty texts."""
    kind = f"release.{control.value}_requested"
    asked = select(Event).where(Event.release_id == release_id, Event.kind == kind)
    found = session.exec(asked.order_by(col(Event.seq).desc()).limit(1)).first()
    return (found.actor, str(found.data.get("reason", ""))) if found is not None else ("", "")


def revisions_of(session: Session, release_ids: Collection[str]) -> dict[str, int]:
    """The revisions of these releases, by id; those that there are not are missing."""
    query = select(Release.id, Release.revision).where(col(Release.id).in_(release_ids))
    return dict(session.exec(query).all())
