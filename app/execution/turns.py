"""Whose turn it is at a target: what has begun there comes to its end before anything else begins.

The engine sees to that as long as it knows what is under way. What it has lost is queued anew (``reconcile``), behind others; so
whoever has the turn looks at our rows, and takes up what is under way there first.
"""

from sqlmodel import Session

from app.events.work import UnitOfWork
from app.execution.context import WorkerContext
from app.releases.locks import lock_rollout
from app.releases.queries import steps_of
from app.releases.service import renew_attempt
from app.releases.states import UNDER_WAY, StepStatus
from app.releases.tables import Rollout
from app.workers.queries import live_ids


def is_driven(session: Session, worker: WorkerContext, rollout: Rollout) -> bool:
    """By a workflow that goes on though the engine knows nothing of it: its step must not be carried out twice at once."""
    if rollout.id in worker.driven:
        return True
    others = live_ids(session) - {worker.identity.id}
    return any(step.status is StepStatus.RUNNING and step.worker in others for step in steps_of(session, rollout.id))


def take_up(work: UnitOfWork, worker: WorkerContext, rollout_id: str) -> int | None:
    """The attempt with which to go on with a rollout that is under way; None while somebody drives it, and once it has ended."""
    rollout, _, _ = lock_rollout(work, rollout_id)
    if rollout.status not in UNDER_WAY or is_driven(work, worker, rollout):
        return None
    renew_attempt(work, rollout)
    return rollout.attempt
