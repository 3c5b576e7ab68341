"""Reading releases."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import tuple_
from sqlmodel import Session, col, select

from app.errors import NotFound
from app.releases.states import Status, StepStatus
from app.releases.tables import Event, Release, Rollout, StepRun


def get_release(session: Session, release_id: str) -> Release:
    """Raises NotFound."""
    release = session.get(Release, release_id)
    if release is None:
        raise NotFound(
            f"There is no release {release_id!r}.",
            code="release_not_found",
            hint="`mlrelease release list` shows those that there are.",
        )
    return release


def lock_release(session: Session, release_id: str) -> Release:
    """The release, with its row locked until the transaction ends: whoever changes it comes one after the other."""
    release = session.exec(
        select(Release).where(Release.id == release_id).with_for_update().execution_options(populate_existing=True)
    ).first()
    return release or get_release(session, release_id)


def revision_of(session: Session, release_id: str) -> int:
    """The release's revision, from its one indexed row. Raises NotFound."""
    revision = session.exec(select(Release.revision).where(Release.id == release_id)).first()
    return get_release(session, release_id).revision if revision is None else revision


def get_rollout(session: Session, release_id: str, stage: str) -> Rollout:
    """Raises NotFound."""
    rollout = session.get(Rollout, f"{release_id}:{stage}")
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


def waiting_before(session: Session, release: Release, rollout: Rollout) -> list[Rollout]:
    """Rollouts of older releases of the same model that wait for the same target: for an approval, or in the queue."""
    query = (
        select(Rollout)
        .join(Release, col(Release.id) == col(Rollout.release_id))
        .where(
            Rollout.target == rollout.target,
            col(Rollout.status).in_([Status.PENDING_APPROVAL, Status.SCHEDULED, Status.QUEUED]),
            Release.model == release.model,
            col(Release.number) < release.number,
        )
        .order_by(col(Release.number))
        .with_for_update()
    )
    return list(session.exec(query).all())


def steps_of(session: Session, rollout_id: str) -> list[StepRun]:
    """In the order of the plan."""
    query = select(StepRun).where(StepRun.rollout_id == rollout_id).order_by(col(StepRun.position))
    return list(session.exec(query).all())


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


def running_steps(session: Session) -> list[StepRun]:
    """Everything that is being carried out, the longest first."""
    query = select(StepRun).where(StepRun.status == StepStatus.RUNNING).order_by(col(StepRun.started_at))
    return list(session.exec(query).all())


def list_releases(
    session: Session,
    *,
    model: str | None = None,
    statuses: Sequence[Status] = (),
    job: str | None = None,
    before: tuple[datetime, str] | None = None,
    limit: int = 50,
) -> list[Release]:
    """The newest first; ``before`` is when, and the id, of the release where the page before ended.

    Not by the last change: what changes between two pages would move to another one, and be missed.
    """
    query = select(Release).order_by(col(Release.created_at).desc(), col(Release.id).desc()).limit(limit)
    if model is not None:
        query = query.where(Release.model == model)
    if statuses:
        query = query.where(col(Release.status).in_(statuses))
    if job is not None:
        query = query.where(Release.job == job)
    if before is not None:
        query = query.where(tuple_(col(Release.created_at), col(Release.id)) < before)
    return list(session.exec(query).all())


def list_events(session: Session, *, release_id: str | None = None, after: int = 0, limit: int = 200) -> list[Event]:
    """The oldest first, from the one after ``after``."""
    query = select(Event).where(col(Event.seq) > after).order_by(col(Event.seq)).limit(limit)
    if release_id is not None:
        query = query.where(Event.release_id == release_id)
    return list(session.exec(query).all())


def revisions_of(session: Session, release_ids: Collection[str]) -> dict[str, int]:
    """The revisions of these releases, by id; those that there are not are missing."""
    query = select(Release.id, Release.revision).where(col(Release.id).in_(release_ids))
    return dict(session.exec(query).all())
