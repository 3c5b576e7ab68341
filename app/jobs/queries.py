"""Reading training jobs."""

from collections.abc import Collection
from datetime import datetime

from sqlmodel import Session, col, func, or_, select

from app.database.several import with_one_of
from app.errors import Conflict, NotFound
from app.identity.roles import Visible, models_among
from app.jobs.tables import TrainingJob


def get_job(session: Session, name: str, *, workspace: str | None = None, visible: Visible = None) -> TrainingJob:
    """The job of this name. Raises NotFound, or Conflict when several workspaces have one."""
    query = select(TrainingJob).where(TrainingJob.name == name)
    if workspace is not None:
        query = query.where(TrainingJob.workspace == workspace)
    if visible is not None:
        query = query.where(col(TrainingJob.model).in_(visible))
    found = session.exec(query).all()
    if not found:
        raise NotFound(
            f"There is no training job {name!r} on record.",
            code="job_not_found",
            hint=f"Record it with `mlrelease jobs record {name} --model MODEL`.",
        )
    if len(found) > 1:
        raise Conflict(
            f"Several workspaces have a training job {name!r}: {', '.join(job.workspace for job in found)}.",
            code="job_ambiguous",
            hint="Add the workspace.",
        )
    return found[0]


def list_jobs(
    session: Session,
    *,
    model: str | None = None,
    before: int | None = None,
    limit: int = 50,
    visible: Visible = None,
) -> list[TrainingJob]:
    """The newest first; ``before`` is the id where the page before ended."""
    query = select(TrainingJob).order_by(col(TrainingJob.id).desc()).limit(limit)
    if before is not None:
        query = query.where(col(TrainingJob.id) < before)
    wanted = col(TrainingJob.model), models_among(visible, model)
    return list(session.exec(with_one_of(query, col(TrainingJob.id), wanted)).all())


def due_polls(session: Session, *, now: datetime, busy: Collection[str], limit: int) -> list[tuple[int, datetime]]:
    """Which jobs Azure ML is to be asked about by now, and since when; those apart that one of the ``busy`` workers polls."""
    free = or_(col(TrainingJob.poller).is_(None), col(TrainingJob.poller).not_in(busy))
    query = select(TrainingJob.id, TrainingJob.next_poll_at).where(col(TrainingJob.next_poll_at) <= now, free)
    found = session.exec(query.order_by(col(TrainingJob.next_poll_at)).limit(limit)).all()
    return [(job, at) for job, at in found if job is not None and at is not None]


def next_poll(session: Session) -> datetime | None:
    """When Azure ML is to be asked about a job; in the past while it is asked."""
    return session.exec(select(func.min(TrainingJob.next_poll_at))).one()
