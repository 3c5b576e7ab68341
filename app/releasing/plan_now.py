"""A rollout's plan as things are now: what it replaces, and who must approve it.

A plan names the release that it replaces. Another release that succeeds at the target makes it another plan: whoever approved
saw a difference that is none any more, and is asked anew.
"""

from app.definitions.schema import ApprovalSection
from app.releases.planning import replan
from app.releases.plans import Change, changes, digest_of
from app.releases.queries import plan_of
from app.releases.tables import Release, Rollout
from app.releasing.guarding import guarded
from app.releasing.on_record import plan_on_record
from app.releasing.work import Work
from app.serving.queries import replaced_at


def renew_plan(work: Work, release: Release, rollout: Rollout) -> list[Change]:
    """Bring the plan up to date; what changed in it."""
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


def policy_now(work: Work, release: Release, rollout: Rollout) -> ApprovalSection | None:
    """Who must approve, also where that has become more than its plan says."""
    plan = guarded(work, work.guardrails, release.model, rollout.target, plan_of(work, rollout).document)
    return None if plan["approval"] is None else ApprovalSection.model_validate(plan["approval"])
