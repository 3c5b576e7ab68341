"""Locking a release's row: changes of a release, its rollouts and its steps happen one after the other."""

from contextlib import nullcontext

from sqlalchemy import bindparam
from sqlalchemy.orm import defer
from sqlmodel import col, select

from app.events.work import UnitOfWork
from app.planning.ids import release_of
from app.releases.queries import get_release, steps_of
from app.releases.tables import Release, Rollout, StepRun

# Made once: to put a statement together takes longer than to send it, and these are in every turn of a rollout or every change.
_LOCKED_RELEASE = (
    select(Release)
    .where(col(Release.id) == bindparam("release"))
    .with_for_update()
    .execution_options(populate_existing=True)
)
_ROLLOUT_AND_RELEASE = (
    select(Rollout, Release)
    .join(Release, col(Release.id) == col(Rollout.release_id))
    .where(col(Rollout.id) == bindparam("rollout"))
    .options(defer(Release.content), defer(Release.checks))  # type: ignore[arg-type] # columns; large, and not needed
    .with_for_update(of=Release)
    .execution_options(populate_existing=True)
)


def lock_release(work: UnitOfWork, release_id: str) -> Release:
    """The release, with its row locked until the transaction ends: whoever changes it comes one after the other."""
    release = work.exec(_LOCKED_RELEASE, params={"release": release_id}).first()
    if release is None:
        return get_release(work, release_id)
    work.locked.add(release_id)
    return release


def lock_rollout(work: UnitOfWork, rollout_id: str) -> tuple[Rollout, Release, list[StepRun]]:
    """A rollout, its release and its steps as they are now, the release's row locked as by ``lock_release``."""
    # What this transaction has not locked it has not changed: what it has changed elsewhere can be written later, all at once.
    is_known = release_of(rollout_id) in work.locked
    with nullcontext() if is_known else work.no_autoflush:
        rollout, release = work.exec(_ROLLOUT_AND_RELEASE, params={"rollout": rollout_id}).one()
        steps = steps_of(work, rollout_id)
    work.locked.add(release.id)
    return rollout, release, steps


def lock_step(work: UnitOfWork, step_id: str) -> StepRun:
    """A step run as it is now, its release's row locked as by ``lock_release``."""
    lock_release(work, release_of(step_id))
    return work.get_one(StepRun, step_id, populate_existing=True)


def keep_locked(work: UnitOfWork, release_id: str) -> None:
    """Lock the release's row, unless this transaction has done so."""
    if release_id not in work.locked:
        work.exec(select(Release.id).where(Release.id == release_id).with_for_update()).one()
        work.locked.add(release_id)
