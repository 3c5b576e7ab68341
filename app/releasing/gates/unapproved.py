"""People have not approved what would be done now.

An approval is for a plan. What has changed since makes it another plan, so it is brought up to date before anybody's word counts.
"""

from app.approvals.policy import State
from app.approvals.service import decisions_on, verdict_on
from app.releases.asked import end_break_glass
from app.releases.queries import plan_of
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.gates.gate import Closed
from app.releasing.plan_now import policy_now, renew_plan
from app.releasing.work import Work


def unapproved(work: Work, release: Release, rollout: Rollout) -> Closed | None:
    """Breaking the glass is asked once, whatever changes at the target; but who may break it is looked at again."""
    if rollout.emergency and _break_glass_holds(work, release, rollout):
        return None
    changed = renew_plan(work, rollout)
    if not rollout.needs_approval:
        end_break_glass(work, rollout)  # nobody has broken it: a freeze keeps it
        return None
    if not changed and not rollout.emergency and _is_approved(work, release, rollout):
        return None
    sentence = "The plan is not the approved plan any more."
    return Closed(Status.PENDING_APPROVAL, "waits_for_approval", sentence, changed=changed)


def _is_approved(work: Work, release: Release, rollout: Rollout) -> bool:
    return verdict_on(work, release, rollout, plan_of(work, rollout)).state is State.APPROVED


def _break_glass_holds(work: Work, release: Release, rollout: Rollout) -> bool:
    policy = policy_now(work, rollout)
    if policy is None:
        return any(each.emergency and each.round == rollout.round for each in decisions_on(work, [rollout.id]))
    return verdict_on(work, release, rollout, plan_of(work, rollout), policy=policy).emergency
