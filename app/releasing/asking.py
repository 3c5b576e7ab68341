"""Asking people: for which plan, since when, and when what they said is void.

A plan names the release that it replaces. Another release that succeeds at the target makes it another plan: whoever approved
saw a difference that is none any more, and is asked anew.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

from sqlmodel import Session

from app.approvals.policy import State, Verdict
from app.approvals.service import decisions_on, expiry_of, verdict_on
from app.definitions.schema import ApprovalSection
from app.guardrails.rules import Guardrails
from app.identity.actor import Actor
from app.releases.locks import lock_release
from app.releases.planning import replaced_at, replan
from app.releases.plans import Change, changes, digest_of
from app.releases.queries import asking_at, plan_of
from app.releases.service import begin_asking, begin_round, forget_glass, move_rollout, record
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.guarding import guarded
from app.releasing.on_record import plan_on_record
from app.releasing.queue import WorkQueue

NOT_AS_APPROVED = "What was approved is not what would be done now."


def ask_people(
    session: Session,
    queue: WorkQueue,
    guardrails: Guardrails,
    release: Release,
    rollout: Rollout,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """Have the rollout wait for people, with the plan as it is now."""
    renew_plan(session, guardrails, release, rollout)
    begin_asking(session, rollout, now=now)
    say_what_is_missing(session, release, rollout, actor=actor, now=now)
    expiry = expiry_of(rollout, plan_of(session, rollout))
    if expiry is not None:
        queue.look_at_rollout(session, rollout.id, at=expiry, now=now)


def say_what_is_missing(
    session: Session, release: Release, rollout: Rollout, *, actor: Actor, now: datetime
) -> Verdict:
    """Tell those who watch what the rollout waits for."""
    verdict = verdict_on(session, release, rollout, plan_of(session, rollout), now=now)
    glass = f", or {verdict.glass_missing}" if verdict.glass_missing else ""
    move_rollout(
        session,
        rollout,
        Status.PENDING_APPROVAL,
        code="waits_for_approval",
        sentence=f"Waits for {' and '.join(verdict.missing)}{glass}.",
        actor=actor,
        now=now,
    )
    return verdict


def ask_anew_if_not_as_approved(
    session: Session,
    queue: WorkQueue,
    guardrails: Guardrails,
    release: Release,
    rollout: Rollout,
    *,
    actor: Actor,
    now: datetime,
) -> bool:
    """Before anything begins: True when people must be asked again, and are.

    Breaking the glass is asked once, whatever changes at the target; but who may break it is looked at again.
    """
    if rollout.emergency and _glass_is_broken(session, guardrails, release, rollout, now=now):
        return False
    changed = renew_plan(session, guardrails, release, rollout)
    if not rollout.needs_approval:
        forget_glass(session, rollout)  # nobody has broken it: a freeze keeps it
        return False
    if not changed and not rollout.emergency and is_approved(session, release, rollout, now=now):
        return False
    void_approvals(session, release, rollout, because=NOT_AS_APPROVED, changed=changed, actor=actor, now=now)
    ask_people(session, queue, guardrails, release, rollout, actor=actor, now=now)
    return True


def policy_now(session: Session, guardrails: Guardrails, release: Release, rollout: Rollout) -> ApprovalSection | None:
    """Who must approve, also where that has become more than its plan says."""
    plan = guarded(session, guardrails, release.model, rollout.target, plan_of(session, rollout).document)
    return None if plan["approval"] is None else ApprovalSection.model_validate(plan["approval"])


def _glass_is_broken(
    session: Session, guardrails: Guardrails, release: Release, rollout: Rollout, *, now: datetime
) -> bool:
    policy = policy_now(session, guardrails, release, rollout)
    if policy is None:
        return any(each.emergency and each.round == rollout.round for each in decisions_on(session, [rollout.id]))
    return verdict_on(session, release, rollout, plan_of(session, rollout), now=now, policy=policy).emergency


def ask_others_anew(
    session: Session, queue: WorkQueue, guardrails: Guardrails, moved: Rollout, *, actor: Actor, now: datetime
) -> None:
    """Something else serves at this target now: whoever waits to replace what served before waits with another plan."""
    for waiting in asking_at(session, moved.target):
        release = lock_release(session, waiting.release_id)
        session.refresh(waiting)
        if waiting.status is not Status.PENDING_APPROVAL:
            continue  # decided while we waited for its lock: looked at again when it begins
        changed = renew_plan(session, guardrails, release, waiting)
        if changed:
            because = f"{moved.release_id} serves {moved.endpoint} now."
            void_approvals(session, release, waiting, because=because, changed=changed, actor=actor, now=now)
            ask_people(session, queue, guardrails, release, waiting, actor=actor, now=now)


def void_approvals(
    session: Session,
    release: Release,
    rollout: Rollout,
    *,
    because: str,
    actor: Actor,
    now: datetime,
    changed: Sequence[Change] = (),
) -> None:
    """Let nothing that was said so far count any more; nothing happens where nobody said anything."""
    said = [each for each in decisions_on(session, [rollout.id]) if each.round == rollout.round]
    if not said:
        return
    begin_round(session, rollout)
    record(
        session,
        release,
        "approval.voided",
        subject=rollout.id,
        data={
            "because": because,
            "changes": [asdict(each) for each in changed],
            "decisions": [{"actor": each.actor, "approve": each.approve} for each in said],
        },
        actor=actor,
        now=now,
    )


def is_approved(session: Session, release: Release, rollout: Rollout, *, now: datetime) -> bool:
    verdict = verdict_on(session, release, rollout, plan_of(session, rollout), now=now)
    return verdict.state is State.APPROVED


def renew_plan(session: Session, guardrails: Guardrails, release: Release, rollout: Rollout) -> list[Change]:
    """Bring the plan up to date: what it replaces, and who must approve it; what changed in it."""
    plan = plan_of(session, rollout)
    newest = {**plan_on_record(session, rollout.id), "replaces": replaced_at(session, rollout.target)}
    newest = guarded(session, guardrails, release.model, rollout.target, newest)
    same = digest_of(newest) == rollout.plan_digest
    if same and rollout.needs_approval == (newest["approval"] is not None):
        return []
    replan(session, rollout, newest)
    if same:
        return []
    return changes(plan.document, newest) or [Change("digest", plan.digest, rollout.plan_digest)]
