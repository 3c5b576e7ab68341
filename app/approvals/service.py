"""Votes: the only writer of decisions. ``approvals.policy`` says what they add up to.

A vote is bound to the plan that it is about, by its digest, and to the round in which people were asked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlmodel import Session, col, select

from app.approvals.policy import Asked, RefusedVote, Verdict, Vote, Why, evaluate, expires_at, normal
from app.approvals.tables import Decision
from app.errors import Conflict, Forbidden, Invalid, MlreleaseError
from app.events.work import UnitOfWork
from app.identity.actor import Actor
from app.planning.ids import release_of
from app.planning.policy import ApprovalSection
from app.releases.attested import attested_votes, row_digest
from app.releases.states import Status
from app.releases.tables import Release, Rollout, StoredPlan


@dataclass(frozen=True)
class NewVote:
    approve: bool
    reason: str = ""
    emergency: bool = False


def cast_vote(
    work: UnitOfWork,
    release: Release,
    rollout: Rollout,
    plan: StoredPlan,
    new: NewVote,
    *,
    policy: ApprovalSection | None = None,
) -> tuple[Verdict, str]:
    """Store a vote; what all of them add up to now, and the vote's digest: it counts only with an event that has it.

    Raises Conflict when nothing is to be decided or this person has voted, Forbidden when their vote does not count, Invalid
    when it needs a reason. ``policy``: where it is more than the plan's by now. The caller holds the release's lock: votes come one after the other.
    """
    _require_asking(rollout, plan, new, work.now)
    policy = policy or policy_of(plan)
    vote = Vote(
        person=work.actor.name,
        approve=new.approve,
        at=work.now,
        groups=work.actor.groups,
        reason=new.reason,
        emergency=new.emergency,
    )
    verdict = evaluate(policy, asked_of(release, rollout), [*_votes(work, rollout), vote], now=work.now)
    for refused in verdict.refused:
        if refused.vote is vote:
            raise _refusal(refused)
    decision = Decision(
        rollout_id=rollout.id,
        round=rollout.round,
        approve=new.approve,
        emergency=new.emergency,
        actor=work.actor.name,
        person=normal(work.actor.name),
        groups=sorted(work.actor.groups),
        via=work.actor.via,
        reason=new.reason.strip(),
        plan_digest=rollout.plan_digest,
        at=work.now,
    )
    work.add(decision)
    work.flush()
    return verdict, row_digest(decision)


def verdict_on(
    work: UnitOfWork,
    release: Release,
    rollout: Rollout,
    plan: StoredPlan,
    *,
    policy: ApprovalSection | None = None,
) -> Verdict:
    """The result of this round's votes, under the plan's policy or ``policy``."""
    return judge(release, rollout, plan, decisions_on(work, [rollout.id]), now=work.now, policy=policy)


def judge(
    release: Release,
    rollout: Rollout,
    plan: StoredPlan,
    decisions: Sequence[Decision],
    *,
    now: datetime,
    policy: ApprovalSection | None = None,
) -> Verdict:
    """The same, of decisions that were read already: those of other rollouts and rounds are left out."""
    votes = [_vote(each) for each in decisions if counts(each, rollout)]
    return evaluate(policy or policy_of(plan), asked_of(release, rollout), votes, now=now)


def why_not(
    release: Release, rollout: Rollout, plan: StoredPlan, decisions: Sequence[Decision], *, actor: Actor, now: datetime
) -> str | None:
    """Why this person's approval would not count now; None: it would, with a reason where the policy requires one."""
    try:
        _require_asking(rollout, plan, NewVote(approve=True), now)
    except Conflict as no:
        return no.sentence
    vote = Vote(person=actor.name, approve=True, at=now, groups=actor.groups, reason="(to be given)")
    said = [_vote(each) for each in decisions if counts(each, rollout)]
    verdict = evaluate(policy_of(plan), asked_of(release, rollout), [*said, vote], now=now)
    return next((each.sentence for each in verdict.refused if each.vote is vote), None)


def policy_of(plan: StoredPlan) -> ApprovalSection:
    policy = plan.read().approval
    assert policy is not None, "only what needs an approval is asked about"
    return policy


def expiry_of(rollout: Rollout, plan: StoredPlan) -> datetime | None:
    """When it expires without a decision; None: never, or nobody is asked."""
    if rollout.status is not Status.PENDING_APPROVAL or rollout.asked_at is None:
        return None
    return expires_at(policy_of(plan), rollout.asked_at)


def asked_of(release: Release, rollout: Rollout) -> Asked:
    return Asked(
        requester=release.requested_by,
        author=(release.content or {}).get("git_author"),
        at=rollout.asked_at or release.created_at,
    )


def decisions_on(session: Session, rollout_ids: list[str]) -> list[Decision]:
    """Every decision on these rollouts, oldest first. A row that the event chain does not have is left out."""
    if not rollout_ids:
        return []
    query = select(Decision).where(col(Decision.rollout_id).in_(rollout_ids)).order_by(col(Decision.id))
    found = session.exec(query).all()
    if not found:
        return []
    on_record = attested_votes(session, {release_of(each) for each in rollout_ids})
    return [each for each in found if row_digest(each) in on_record]


def counting_decisions(session: Session, rollout: Rollout) -> list[Decision]:
    """Those on the rollout's plan as it is, in the round that it is in; oldest first."""
    return [each for each in decisions_on(session, [rollout.id]) if counts(each, rollout)]


def _votes(session: Session, rollout: Rollout) -> list[Vote]:
    return [_vote(each) for each in counting_decisions(session, rollout)]


def counts(decision: Decision, rollout: Rollout) -> bool:
    """Whether a decision belongs to this round and this plan. Break-glass holds whatever changes at the target."""
    if (decision.rollout_id, decision.round) != (rollout.id, rollout.round):
        return False
    return decision.emergency or decision.plan_digest == rollout.plan_digest


def _vote(decision: Decision) -> Vote:
    return Vote(
        person=decision.actor,
        approve=decision.approve,
        at=decision.at,
        groups=frozenset(decision.groups),
        reason=decision.reason,
        emergency=decision.emergency,
    )


def _require_asking(rollout: Rollout, plan: StoredPlan, new: NewVote, now: datetime) -> None:
    """Raise Conflict unless the rollout can be decided on. One that is approved and frozen takes break-glass only."""
    expiry = expiry_of(rollout, plan)
    if expiry is not None and now >= expiry:
        raise Conflict(f"The time to decide ended at {expiry:%Y-%m-%d %H:%M} UTC.", code=Why.TOO_LATE.value)
    breaks_freeze = new.emergency and rollout.status is Status.SCHEDULED and rollout.needs_approval
    if rollout.status is not Status.PENDING_APPROVAL and not breaks_freeze:
        raise Conflict(
            f"{rollout.id} does not wait for approval: it is {rollout.status.value}. {rollout.sentence}",
            code="nothing_to_decide",
            rollout_status=rollout.status.value,
        )


def _refusal(refused: RefusedVote) -> MlreleaseError:
    code, sentence = refused.why.value, refused.sentence
    match refused.why:
        case Why.REASON_MISSING:
            return Invalid(sentence, code=code, hint="Give a reason: the requester and auditors read it.")
        case Why.ALREADY_VOTED | Why.TOO_LATE:
            return Conflict(sentence, code=code)
        case Why.SELF_APPROVAL | Why.COMMIT_AUTHOR:
            return Forbidden(sentence, code=code, hint="To end the release, cancel it.")
        case Why.EXCLUDED | Why.NO_BREAK_GLASS:
            return Forbidden(sentence, code=code)
        case _:
            assert_never(refused.why)
