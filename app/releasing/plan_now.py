"""A rollout's plan as things are now: what it replaces, and who must approve it.

A plan names what it replaces. Where something else serves at the target by then, it is another plan: whoever approved saw a
difference that is none any more, and is asked anew.
"""

from app.planning.policy import ApprovalSection
from app.releases.planning import replan
from app.releases.plans import Change, changes, digest_of, document_of
from app.releases.queries import plan_of
from app.releases.tables import Rollout
from app.releasing.guarding import guarded
from app.releasing.on_record import plan_on_record
from app.releasing.work import Work
from app.serving.queries import replaced_at


def renew_plan(work: Work, rollout: Rollout) -> list[Change]:
    """Bring the plan up to date; what changed in it."""
    plan = plan_of(work, rollout)
    newest = plan_on_record(work, rollout.id)
    if newest.adopts is None:
        replaces = replaced_at(work, rollout.target, by=rollout.deployment, before=plan.read().replaces)
        newest = newest.model_copy(update={"replaces": replaces})
    newest = guarded(work, work.guardrails, newest)
    document = document_of(newest)
    same = digest_of(document) == rollout.plan_digest
    if same and rollout.needs_approval == (newest.approval is not None):
        return []
    replan(work, rollout, newest)
    if same:
        return []
    return changes(plan.document, document) or [Change("digest", plan.digest, rollout.plan_digest)]


def policy_now(work: Work, rollout: Rollout) -> ApprovalSection | None:
    """Who must approve, also where that has become more than its plan says."""
    return guarded(work, work.guardrails, plan_of(work, rollout).read()).approval
