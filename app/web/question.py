"""What the pages show of one rollout and its approval."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from app.approvals.service import decisions_on, expiry_of, judge, why_not
from app.approvals.tables import Decision
from app.evidence.reports import newest_reports_on
from app.evidence.tables import MeasurementReport
from app.identity.actor import Actor, forbidden
from app.identity.roles import Permission
from app.planning.plan import Replaced
from app.planning.policy import ApprovalSection
from app.planning.traffic_words import say_traffic
from app.releases.plans import Change, compare
from app.releases.queries import get_release, get_rollout, plan_of, step_ids_of
from app.releases.states import Status
from app.releases.tables import Release, Rollout, StoredPlan
from app.serving.queries import replaced_plan, serving_now
from app.serving.tables import TrafficShare
from app.serving.words import say_found


@dataclass(frozen=True)
class Question:
    """One rollout as one visitor sees it."""

    release: Release
    rollout: Rollout
    plan: StoredPlan
    serves: Sequence[TrafficShare]  # what has traffic there now
    replaces: Replaced | None  # what its plan comes in place of
    found: Sequence[str]  # that it takes in as it is, in words
    traffic: Sequence[str]  # how its deployment gets the traffic, in words
    compared: Sequence[Change]  # with the release that it replaces; with nothing before, where there is none
    policy: ApprovalSection | None
    decisions: Sequence[Decision]
    reports: Sequence[MeasurementReport]  # what the release's steps have measured so far, in whatever stage
    missing: Sequence[str]  # that it waits for, in words
    expires_at: datetime | None
    why_not: str | None  # the visitor may not decide, in words
    may_use_break_glass: bool

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

    @property
    def replaces_release(self) -> bool:
        """Not nothing, and not what others made: there is a plan to compare with."""
        return self.replaces is not None and self.replaces.release is not None

    @property
    def is_over(self) -> bool:
        return self.rollout.status.is_final

    @property
    def title(self) -> str:
        """Of what it brings; of what it brought, once it is over."""
        if self.found:
            return "What is there"
        if not self.replaces_release:
            return "Content of the deployment"
        fields = f"{self.changed} of {len(self.compared)} fields"
        match self.rollout.status:
            case Status.SUCCEEDED:
                return f"{fields} changed"
            case status if status.is_final:
                return f"{fields} would have changed"
        return f"{fields} {'changes' if self.changed == 1 else 'change'}"

    @property
    def replaces_in_words(self) -> str:
        match self.rollout.status:
            case Status.SUCCEEDED:
                return "it replaced"
            case status if status.is_final:
                return "it would have replaced"
        replaces = self.replaces
        serves_on = replaces is not None and any(
            each.weight and each.deployment == replaces.deployment for each in self.serves
        )
        return "serves there now" if serves_on else "it replaces"


def read_question(session: Session, actor: Actor, release_id: str, stage: str, *, now: datetime) -> Question:
    """Raises NotFound."""
    release = get_release(session, release_id)
    rollout = get_rollout(session, release_id, stage)
    plan = plan_of(session, rollout)
    replaced = replaced_plan(session, plan)
    typed = plan.read()
    decisions = decisions_on(session, [rollout.id])
    waits = rollout.status is Status.PENDING_APPROVAL
    policy = typed.approval
    glass = policy is not None and policy.break_glass is not None and (waits or rollout.status is Status.SCHEDULED)
    return Question(
        release=release,
        rollout=rollout,
        plan=plan,
        serves=serving_now(session, rollout.target),
        replaces=typed.replaces,
        found=() if typed.adopts is None else say_found(typed.adopts),
        traffic=say_traffic(typed.traffic, typed.analysis),
        compared=() if typed.adopts else compare({} if replaced is None else replaced.document, plan.document),
        policy=policy,
        decisions=decisions,
        reports=newest_reports_on(session, step_ids_of(session, release.id)),
        missing=judge(release, rollout, plan, decisions, now=now).missing if waits else (),
        expires_at=expiry_of(rollout, plan),
        why_not=_why_not(release, rollout, plan, decisions, actor=actor, now=now) if waits else None,
        may_use_break_glass=glass
        and actor.may(Permission.APPROVE, release.model)
        and actor.may(Permission.OPERATE, release.model),
    )


def _why_not(
    release: Release, rollout: Rollout, plan: StoredPlan, decisions: Sequence[Decision], *, actor: Actor, now: datetime
) -> str | None:
    if not actor.may(Permission.APPROVE, release.model):
        return str(forbidden(actor, Permission.APPROVE, release.model))
    return why_not(release, rollout, plan, decisions, actor=actor, now=now)
