"""What people decide on a stage that waits: approve or reject. The deciding word enqueues, in the same transaction."""

from sqlmodel import Session

from app.approvals.service import decide
from app.releases.queries import get_rollout, lock_release
from app.releases.service import move_rollout, record
from app.releases.states import Status
from app.releases.tables import Rollout
from app.workflow.advance import enqueue_rollout
from app.workflow.requests import Asking


def approve(
    session: Session, asking: Asking, release_id: str, stage: str, *, reason: str = "", plan_digest: str | None = None
) -> Rollout:
    """Approve a rollout and queue it. Raises NotFound, or Conflict when nothing waits or the plan is another."""
    rollout = _decide(session, asking, release_id, stage, yes=True, reason=reason, plan_digest=plan_digest)
    enqueue_rollout(session, asking.queue, rollout, actor=asking.actor, now=asking.now)
    return rollout


def reject(
    session: Session, asking: Asking, release_id: str, stage: str, *, reason: str, plan_digest: str | None = None
) -> Rollout:
    """Reject a rollout, which ends the release. Raises as ``approve`` does, and Invalid without a reason."""
    rollout = _decide(session, asking, release_id, stage, yes=False, reason=reason, plan_digest=plan_digest)
    move_rollout(
        session,
        rollout,
        Status.APPROVAL_REJECTED,
        code="rejected",
        sentence=f"Rejected by {asking.actor.name}: {reason.strip()}",
        actor=asking.actor,
        now=asking.now,
    )
    return rollout


def _decide(
    session: Session, asking: Asking, release_id: str, stage: str, *, yes: bool, reason: str, plan_digest: str | None
) -> Rollout:
    release = lock_release(session, release_id)
    rollout = get_rollout(session, release_id, stage)
    session.refresh(rollout)
    decision = decide(
        session, rollout, approve=yes, reason=reason, plan_digest=plan_digest, actor=asking.actor, now=asking.now
    )
    record(
        session,
        release,
        "approval.approved" if yes else "approval.rejected",
        subject=rollout.id,
        data={"reason": decision.reason, "plan_digest": decision.plan_digest},
        actor=asking.actor,
        now=asking.now,
    )
    return rollout
