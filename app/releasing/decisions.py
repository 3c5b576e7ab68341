"""Decisions on a rollout that waits: approve, reject, break-glass. The deciding vote queues the rollout in the same transaction."""

from dataclasses import asdict

from app.approvals.policy import State
from app.approvals.service import NewVote, cast_vote
from app.errors import Conflict, Forbidden
from app.identity.roles import Permission
from app.releases.asked import break_glass
from app.releases.attested import ROW
from app.releases.locks import lock_release
from app.releases.plans import changes
from app.releases.queries import get_rollout, plan_of
from app.releases.service import move_rollout, record
from app.releases.states import Status
from app.releases.tables import Release, Rollout, StoredPlan
from app.releasing.advance import enqueue_rollout
from app.releasing.asking import say_what_is_missing
from app.releasing.guarding import refusals_of, require_allowed
from app.releasing.permissions import about_release
from app.releasing.plan_now import policy_now
from app.releasing.work import Work


@about_release(Permission.APPROVE)
def approve(
    work: Work,
    release_id: str,
    stage: str,
    *,
    plan_digest: str,
    reason: str = "",
    emergency: bool = False,
) -> Rollout:
    """Approve a rollout; the word that decides queues it. ``emergency`` breaks the glass.

    Raises NotFound; Conflict when nothing waits, the plan is another or this person has voted; Forbidden when their word does
    not count; Invalid without a reason that the policy asks for.
    """
    release, rollout = _locked(work, release_id, stage)
    plan = plan_of(work, rollout).read()
    require_allowed(refusals_of(work.guardrails, plan))
    if emergency and not work.actor.may(Permission.OPERATE, release.model):
        raise Forbidden(
            f"{work.actor.name} may not use break-glass: it needs the role operator for {release.model}.",
            code="break_glass_not_allowed",
        )
    vote = NewVote(approve=True, reason=reason, emergency=emergency)
    state, by_glass = _decide(work, release, rollout, vote, plan_digest=plan_digest)
    if by_glass:
        break_glass(work, rollout)
        enqueue_rollout(work, release, rollout)
    elif rollout.status is Status.PENDING_APPROVAL and state is State.APPROVED:
        enqueue_rollout(work, release, rollout)
    elif rollout.status is Status.PENDING_APPROVAL:
        say_what_is_missing(work, release, rollout)
    return rollout


@about_release(Permission.APPROVE)
def reject(work: Work, release_id: str, stage: str, *, reason: str, plan_digest: str | None = None) -> Rollout:
    """Reject a rollout, which ends the release. Raises as ``approve`` does, and Invalid without a reason."""
    release, rollout = _locked(work, release_id, stage)
    _decide(work, release, rollout, NewVote(approve=False, reason=reason), plan_digest=plan_digest)
    move_rollout(
        work,
        rollout,
        Status.APPROVAL_REJECTED,
        code="rejected",
        sentence=f"Rejected by {work.actor.name}: {reason.strip()}",
    )
    return rollout


def _locked(work: Work, release_id: str, stage: str) -> tuple[Release, Rollout]:
    """The rollout as it is now; its release's lock puts those who decide in a line."""
    release = lock_release(work, release_id)
    rollout = get_rollout(work, release_id, stage)
    work.refresh(rollout)
    return release, rollout


def _decide(
    work: Work, release: Release, rollout: Rollout, vote: NewVote, *, plan_digest: str | None
) -> tuple[State, bool]:
    """Store the word and its event; where the decision stands, and whether the glass is broken."""
    plan = plan_of(work, rollout)
    policy = policy_now(work, rollout)
    verdict, digest = cast_vote(work, release, rollout, plan, vote, policy=policy)
    # After the vote, which says first whether anything is to be decided at all; nothing is kept when this raises.
    _require_plan(work, rollout, plan, seen=plan_digest)
    record(
        work,
        release,
        _kind(vote),
        subject=rollout.id,
        data={
            "reason": vote.reason.strip(),
            "plan_digest": plan.digest,
            "groups": sorted(work.actor.groups),
            "missing": list(verdict.missing),
            ROW: digest,
        },
    )
    return verdict.state, verdict.emergency


def _require_plan(work: Work, rollout: Rollout, plan: StoredPlan, *, seen: str | None) -> None:
    if seen is None or seen == plan.digest:
        return
    known = work.get(StoredPlan, seen)
    changed = [] if known is None else changes(known.document, plan.document)
    what = f" Changed: {', '.join(each.field for each in changed)}." if changed else ""
    raise Conflict(
        f"The plan of {rollout.id} is not the plan that you saw.{what}",
        code="plan_changed",
        hint="Review the current plan and decide again.",
        plan_digest=plan.digest,
        changes=[asdict(each) for each in changed],
    )


def _kind(vote: NewVote) -> str:
    if not vote.approve:
        return "approval.rejected"
    return "approval.break_glass" if vote.emergency else "approval.approved"
