"""What the pages show of one rollout and its approval."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.approvals.service import decisions_on, expiry_of, judge, policy_of, why_not
from app.approvals.tables import Decision
from app.definitions.schema import ApprovalSection
from app.identity.actor import Actor, forbidden
from app.identity.roles import Permission
from app.releases.plans import Change, compare
from app.releases.queries import get_release, get_rollout, plan_of, served_plan
from app.releases.states import Status
from app.releases.tables import Plan, Release, Rollout


@dataclass(frozen=True)
class Question:
    """One rollout as one visitor sees it."""

    release: Release
    rollout: Rollout
    plan: Plan
    serves: str | None  # the release that it replaces
    compared: Sequence[Change]  # with nothing before, where nothing serves yet
    policy: ApprovalSection | None
    decisions: Sequence[Decision]
    missing: Sequence[str]  # that it waits for, in words
    expires_at: datetime | None
    why_not: str | None  # the visitor may not decide, in words
    may_break_glass: bool

    @property
    def waits(self) -> bool:
        return self.rollout.status is Status.PENDING_APPROVAL

    @property
    def is_mine(self) -> bool:
        """Whether this visitor's decision would count."""
        return self.waits and self.why_not is None

    @property
    def changed(self) -> int:
        return sum(each.is_one for each in self.compared)


def read_question(session: Session, actor: Actor, release_id: str, stage: str, *, now: datetime) -> Question:
    """Raises NotFound."""
    release = get_release(session, release_id)
    rollout = get_rollout(session, release_id, stage)
    plan = plan_of(session, rollout)
    serves = served_plan(session, plan)
    decisions = decisions_on(session, [rollout.id])
    waits = rollout.status is Status.PENDING_APPROVAL
    policy = policy_of(plan) if plan.document["approval"] else None
    glass = policy is not None and policy.break_glass is not None and (waits or rollout.status is Status.SCHEDULED)
    return Question(
        release=release,
        rollout=rollout,
        plan=plan,
        serves=None if serves is None else plan.document["replaces"]["release"],
        compared=compare({} if serves is None else serves.document, plan.document),
        policy=policy,
        decisions=decisions,
        missing=judge(release, rollout, plan, decisions, now=now).missing if waits else (),
        expires_at=expiry_of(rollout, plan),
        why_not=_why_not(release, rollout, plan, decisions, actor=actor, now=now) if waits else None,
        may_break_glass=glass
        and actor.may(Permission.APPROVE, release.model)
        and actor.may(Permission.OPERATE, release.model),
    )


def _why_not(
    release: Release, rollout: Rollout, plan: Plan, decisions: Sequence[Decision], *, actor: Actor, now: datetime
) -> str | None:
    if not actor.may(Permission.APPROVE, release.model):
        return str(forbidden(actor, Permission.APPROVE, release.model))
    return why_not(release, rollout, plan, decisions, actor=actor, now=now)
