"""Reading releases."""

from collections.abc import Sequence
from datetime import datetime
from itertools import takewhile

from sqlalchemy import String, bindparam, cast, func, text, tuple_
from sqlmodel import Session, col, select

from app.database.several import with_one_of
from app.errors import Conflict, NotFound
from app.events.tables import Event
from app.identity.roles import Visible, models_among
from app.planning.ids import model_of, release_of, rollout_id_of
from app.releases.plans import digest_of
from app.releases.states import ASKING, DRIVEN, Control, Status
from app.releases.tables import RUNNING, Release, Rollout, StepRun, StoredPlan

PLAN_NOT_ON_RECORD = "plan_not_on_record"


# As in the index: with a parameter in place of the word it would not be used.
_RUNNING = text(f"step_run.{RUNNING}")

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


def plan_of(session: Session, rollout: Rollout) -> StoredPlan:
    """What a rollout will do. Raises Conflict where it is gone, or not what its digest says: it was changed past the service."""
    plan = session.get(StoredPlan, rollout.plan_digest)
    if plan is None or digest_of(plan.document) != plan.digest:
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


def due(session: Session, *, now: datetime, limit: int) -> list[str]:
    """The ids of rollouts to which something is to happen by itself by now, the earliest first."""
    query = select(Rollout.id).where(col(Rollout.due_at) <= now).order_by(col(Rollout.due_at)).limit(limit)
    return list(session.exec(query).all())


def next_due(session: Session) -> datetime | None:
    """When something is to happen to a rollout by itself; in the past while it happens."""
    return session.exec(select(func.min(Rollout.due_at))).one()


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


def scheduled(session: Session) -> list[Rollout]:
    """Rollouts that wait for a freeze or a hold to end."""
    return list(session.exec(select(Rollout).where(Rollout.status == Status.SCHEDULED)).all())


def driven_targets(session: Session) -> list[str]:
    """Where a workflow of the engine carries out a rollout, or should."""
    return list(session.exec(select(Rollout.target).where(col(Rollout.status).in_(DRIVEN)).distinct()).all())


def unprepared(session: Session) -> list[tuple[str, int]]:
    """Id and revision of each release whose content nobody has resolved yet."""
    pending = Release.status == Status.PENDING, col(Release.content).is_(None)
    return list(session.exec(select(Release.id, Release.revision).where(*pending)).all())


def steps_of(session: Session, rollout_id: str) -> list[StepRun]:
    """In the order of the plan."""
    return list(session.exec(_STEPS, params={"rollout": rollout_id}).all())


def step_ids_of(session: Session, release_id: str) -> list[str]:
    """Of all steps of a release, in whatever stage."""
    query = select(StepRun.id).join(Rollout, col(Rollout.id) == col(StepRun.rollout_id))
    return list(session.exec(query.where(Rollout.release_id == release_id)).all())


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
    found = session.exec(select(StepRun).where(_RUNNING).order_by(col(StepRun.started_at))).all()
    return [each for each in found if visible is None or model_of(release_of(each.rollout_id)) in visible]


def list_releases(
    session: Session,
    *,
    model: str | None = None,
    statuses: Sequence[Status] = (),
    job: str | None = None,
    asking: bool = False,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
    visible: Visible = None,
) -> list[Release]:
    """The newest first; ``before`` is when, and the id, of the release where the page before ended. ``asking``: a person, now.

    Not by the last change: what changes between two pages would move to another one, and be missed.
    """
    query = select(Release).order_by(col(Release.created_at).desc(), col(Release.id).desc()).limit(limit)
    if asking:
        query = query.where(Release.status == Status.IN_PROGRESS, col(Release.code).in_(ASKING))
    if before is not None:
        query = query.where(tuple_(col(Release.created_at), col(Release.id)) < before)
    models = models_among(visible, model)
    if job is None:
        wanted = (col(Release.model), models), (col(Release.status), set(statuses) or None)
        return list(session.exec(with_one_of(query, col(Release.id), *wanted)).all())
    # A job has few releases, but SQLite does not know that: only what is not cast can be looked up in another index.
    query = query.where(Release.job == job)
    if models is not None:
        query = query.where(cast(col(Release.model), String).in_(models))
    if statuses:
        query = query.where(cast(col(Release.status), String).in_([each.value for each in statuses]))
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
    if release_id is None:
        return list(session.exec(with_one_of(query, col(Event.seq), (col(Event.model), visible))).all())
    if visible is not None and model_of(release_id) not in visible:
        return []
    return list(session.exec(query.where(Event.release_id == release_id)).all())


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
