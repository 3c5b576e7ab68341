"""Reading training jobs."""

from sqlmodel import Session, col, select

from app.errors import Conflict, NotFound
from app.identity.roles import Visible
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
    if visible is not None:
        query = query.where(col(TrainingJob.model).in_(visible))
    if model is not None:
        query = query.where(TrainingJob.model == model)
    if before is not None:
        query = query.where(col(TrainingJob.id) < before)
    return list(session.exec(query).all())
