"""Locking a release's row: whoever changes a release, its rollouts or its steps comes one after the other."""

from contextlib import nullcontext

from sqlalchemy import bindparam
from sqlalchemy.orm import defer
from sqlmodel import Session, col, select

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


def lock_release(session: Session, release_id: str) -> Release:
    """The release, with its row locked until the transaction ends: whoever changes it comes one after the other."""
    release = session.exec(_LOCKED_RELEASE, params={"release": release_id}).first()
    if release is None:
        return get_release(session, release_id)
    _locked_in(session).add(release_id)
    return release


def lock_rollout(session: Session, rollout_id: str) -> tuple[Rollout, Release, list[StepRun]]:
    """A rollout, its release and its steps as they are now, the release's row locked as by ``lock_release``."""
    # What this transaction has not locked it has not changed: what it has changed elsewhere can be written later, all at once.
    is_known = rollout_id.rpartition(":")[0] in _locked_in(session)
    with nullcontext() if is_known else session.no_autoflush:
        rollout, release = session.exec(_ROLLOUT_AND_RELEASE, params={"rollout": rollout_id}).one()
        steps = steps_of(session, rollout_id)
    _locked_in(session).add(release.id)
    return rollout, release, steps


def lock_step(session: Session, step_id: str) -> StepRun:
    """A step run as it is now, its release's row locked as by ``lock_release``."""
    lock_release(session, step_id.rsplit(":", 2)[0])
    return session.get_one(StepRun, step_id, populate_existing=True)


def keep_locked(session: Session, release_id: str) -> None:
    """Lock the release's row, unless this transaction has done so."""
    if release_id not in _locked_in(session):
        session.exec(select(Release.id).where(Release.id == release_id).with_for_update()).one()
        _locked_in(session).add(release_id)


def _locked_in(session: Session) -> set[str]:
    locked: set[str] = session.info.setdefault("locked_releases", set())
    return locked
