"""Requesting approval: for which plan, since when, and when decisions become void.

A plan names the release that it replaces. Another release that succeeds at the target makes it another plan: whoever approved
saw a difference that is none any more, and is asked anew.
"""

from collections.abc import Sequence
from dataclasses import asdict

from app.approvals.policy import State, Verdict
from app.approvals.service import decisions_on, expiry_of, verdict_on
from app.definitions.schema import ApprovalSection
from app.releases.locks import lock_release
from app.releases.planning import replan
from app.releases.plans import Change, changes, digest_of
from app.releases.queries import asking_at, plan_of
from app.releases.service import begin_asking, begin_round, end_break_glass, move_rollout, record, set_due
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.guarding import guarded
from app.releasing.on_record import plan_on_record
from app.releasing.work import Work
from app.serving.queries import replaced_at

NOT_AS_APPROVED = "The plan is not the approved plan any more."


def ask_people(
    work: Work,
    release: Release,
    rollout: Rollout,
) -> None:
    """Have the rollout wait for people, with the plan as it is now."""
    renew_plan(work, release, rollout)
    begin_asking(work, rollout)
    say_what_is_missing(work, release, rollout)
    set_due(work, rollout, expiry_of(rollout, plan_of(work, rollout)))


def say_what_is_missing(work: Work, release: Release, rollout: Rollout) -> Verdict:
    """Tell those who watch what the rollout waits for."""
    verdict = verdict_on(work, release, rollout, plan_of(work, rollout))
    glass = f", or {verdict.break_glass_missing}" if verdict.break_glass_missing else ""
    move_rollout(
        work,
        rollout,
        Status.PENDING_APPROVAL,
        code="waits_for_approval",
        sentence=f"Waiting for {' and '.join(verdict.missing)}{glass}.",
    )
    return verdict


def ask_anew_if_not_as_approved(
    work: Work,
    release: Release,
    rollout: Rollout,
) -> bool:
    """Before anything begins: True when people must be asked again, and are.

    Breaking the glass is asked once, whatever changes at the target; but who may break it is looked at again.
    """
    if rollout.emergency and _break_glass_holds(work, release, rollout):
        return False
    changed = renew_plan(work, release, rollout)
    if not rollout.needs_approval:
        end_break_glass(work, rollout)  # nobody has broken it: a freeze keeps it
        return False
    if not changed and not rollout.emergency and is_approved(work, release, rollout):
        return False
    void_approvals(work, release, rollout, because=NOT_AS_APPROVED, changed=changed)
    ask_people(work, release, rollout)
    return True


def policy_now(work: Work, release: Release, rollout: Rollout) -> ApprovalSection | None:
    """Who must approve, also where that has become more than its plan says."""
    plan = guarded(work, work.guardrails, release.model, rollout.target, plan_of(work, rollout).document)
    return None if plan["approval"] is None else ApprovalSection.model_validate(plan["approval"])


def _break_glass_holds(work: Work, release: Release, rollout: Rollout) -> bool:
    policy = policy_now(work, release, rollout)
    if policy is None:
        return any(each.emergency and each.round == rollout.round for each in decisions_on(work, [rollout.id]))
    return verdict_on(work, release, rollout, plan_of(work, rollout), policy=policy).emergency


def ask_others_anew(work: Work, moved: Rollout) -> None:
    """Something else serves at this target now: whoever waits to replace what served before waits with another plan."""
    for waiting in asking_at(work, moved.target):
        release = lock_release(work, waiting.release_id)
        work.refresh(waiting)
        if waiting.status is not Status.PENDING_APPROVAL:
            continue  # decided while we waited for its lock: looked at again when it begins
        changed = renew_plan(work, release, waiting)
        if changed:
            because = f"{moved.release_id} was released to {moved.endpoint}."
            void_approvals(work, release, waiting, because=because, changed=changed)
            ask_people(work, release, waiting)


def void_approvals(
    work: Work,
    release: Release,
    rollout: Rollout,
    *,
    because: str,
    changed: Sequence[Change] = (),
) -> None:
    """Let nothing that was said so far count any more; nothing happens where nobody said anything."""
    said = [each for each in decisions_on(work, [rollout.id]) if each.round == rollout.round]
    if not said:
        return
    begin_round(work, rollout)
    record(
        work,
        release,
        "approval.voided",
        subject=rollout.id,
        data={
            "because": because,
            "changes": [asdict(each) for each in changed],
            "decisions": [{"actor": each.actor, "approve": each.approve} for each in said],
        },
    )


def is_approved(work: Work, release: Release, rollout: Rollout) -> bool:
    verdict = verdict_on(work, release, rollout, plan_of(work, rollout))
    return verdict.state is State.APPROVED


def renew_plan(work: Work, release: Release, rollout: Rollout) -> list[Change]:
    """Bring the plan up to date: what it replaces, and who must approve it; what changed in it."""
    plan = plan_of(work, rollout)
    newest = {**plan_on_record(work, rollout.id), "replaces": replaced_at(work, rollout.target)}
    newest = guarded(work, work.guardrails, release.model, rollout.target, newest)
    same = digest_of(newest) == rollout.plan_digest
    if same and rollout.needs_approval == (newest["approval"] is not None):
        return []
    replan(work, rollout, newest)
    if same:
        return []
    return changes(plan.document, newest) or [Change("digest", plan.digest, rollout.plan_digest)]
