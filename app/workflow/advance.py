"""What comes next in a release: the next stage is queued, or waits for people."""

from datetime import datetime

from sqlmodel import Session

from app.identity.actor import Actor
from app.releases.queries import rollouts_of, waiting_before
from app.releases.service import begin_attempt, move_rollout
from app.releases.states import Control, Status
from app.releases.tables import Release, Rollout
from app.workflow.queue import WorkQueue


def advance_release(session: Session, queue: WorkQueue, release: Release, *, actor: Actor, now: datetime) -> None:
    """Take the first stage that has not been reached to where it can go by itself."""
    ahead = next((each for each in rollouts_of(session, release.id) if each.status is not Status.SUCCEEDED), None)
    if ahead is None or ahead.status is not Status.PENDING:
        return
    if release.control is Control.CANCEL:
        said = "Cancelled after the stage before it had been completed."
        move_rollout(session, ahead, Status.CANCELLED, code="cancelled", sentence=said, actor=actor, now=now)
    elif ahead.needs_approval:
        move_rollout(
            session,
            ahead,
            Status.PENDING_APPROVAL,
            code="waits_for_approval",
            sentence="Waits for somebody to approve it.",
            actor=actor,
            now=now,
        )
    else:
        enqueue_rollout(session, queue, ahead, actor=actor, now=now)
    supersede_older(session, release, ahead, actor=actor, now=now)


def supersede_older(session: Session, release: Release, rollout: Rollout, *, actor: Actor, now: datetime) -> None:
    """A newer release that gets to a stage replaces older ones of its model that still wait there; never a running one."""
    for older in waiting_before(session, release, rollout):
        said = f"Superseded by {release.id}."
        move_rollout(session, older, Status.SUPERSEDED, code="superseded", sentence=said, actor=actor, now=now)


def enqueue_rollout(session: Session, queue: WorkQueue, rollout: Rollout, *, actor: Actor, now: datetime) -> None:
    """Queue it behind what its target has to do before."""
    workflow_id = begin_attempt(session, rollout, actor=actor, now=now)
    queue.carry_out_rollout(session, rollout.id, workflow_id=workflow_id, target=rollout.target)
