"""Deciding: the only writer of decisions.

The rule is that of one person's word. What is approved is a digest over model content, environment, code, definition version,
target and plan; a word on another digest is refused.
"""

from datetime import datetime

from sqlmodel import Session, select

from app.approvals.tables import Decision
from app.errors import Conflict, Invalid
from app.identity.actor import Actor
from app.releases.states import Status
from app.releases.tables import Rollout


def decide(
    session: Session,
    rollout: Rollout,
    *,
    approve: bool,
    reason: str,
    plan_digest: str | None,
    actor: Actor,
    now: datetime,
) -> Decision:
    """Store the word of ``actor``. Raises Conflict when nothing is to be decided, or the plan is not the one that was seen."""
    if not approve and not reason.strip():
        raise Invalid("A rejection needs a reason.", code="reason_missing", hint="Say why, for those who asked.")
    if rollout.status is not Status.PENDING_APPROVAL:
        raise Conflict(
            f"{rollout.id} is not waiting for an approval: it is {rollout.status.value}. {rollout.sentence}",
            code="nothing_to_decide",
            rollout_status=rollout.status.value,
        )
    if plan_digest is not None and plan_digest != rollout.plan_digest:
        raise Conflict(
            f"The plan of {rollout.id} is not the one that you saw.",
            code="plan_changed",
            hint="Look at the release again and decide on the plan that it shows now.",
            plan_digest=rollout.plan_digest,
        )
    decision = Decision(
        rollout_id=rollout.id,
        attempt=rollout.attempt,
        approve=approve,
        actor=actor.name,
        via=actor.via,
        reason=reason.strip(),
        plan_digest=rollout.plan_digest,
        at=now,
    )
    session.add(decision)
    session.flush()
    return decision


def decisions_on(session: Session, rollout_ids: list[str]) -> list[Decision]:
    """Every decision on these rollouts, oldest first."""
    if not rollout_ids:
        return []
    query = select(Decision).where(Decision.rollout_id.in_(rollout_ids))  # type: ignore[attr-defined] # a column here
    return sorted(session.exec(query).all(), key=lambda decision: decision.at)
