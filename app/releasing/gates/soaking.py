"""The stage's definition asks that this content has served in an earlier stage for some time, and it has not yet, or not any more.

People may approve meanwhile: the time goes on, and at its end the rollout begins by itself. Break-glass bypasses it.
"""

from datetime import datetime

from sqlmodel import col, select

from app.errors import Conflict
from app.planning.plan import Plan, PlannedSoak
from app.planning.policy import length_of
from app.releases.queries import plan_of
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.gates.gate import Closed
from app.releasing.work import Work
from app.serving.queries import serving_now, serving_since


def soaking(work: Work, release: Release, rollout: Rollout) -> Closed | None:
    """Closed until the time is over, and for good where it cannot become so any more."""
    plan = plan_of(work, rollout).read()
    if plan.after is None or rollout.emergency:
        return None
    since = _serving_since(work, release, plan, plan.after)
    if since is None:
        return _in_vain(work, release, plan.after)
    over = since + length_of(plan.after.serving_for)
    if work.now >= over:
        return None
    sentence = (
        f"Must have served in {plan.after.stage} for {plan.after.serving_for}, "
        f"which it will have at {over:%Y-%m-%d %H:%M} UTC. Starts then."
    )
    return Closed(Status.SCHEDULED, "soaking", sentence, until=over)


def soaked_in_vain(work: Work, release: Release, rollout: Rollout) -> Closed | None:
    """Closed only where the time cannot become over any more: nobody is asked about that."""
    closed = soaking(work, release, rollout)
    return closed if closed is not None and closed.becomes.is_final else None


def _serving_since(work: Work, release: Release, plan: Plan, soak: PlannedSoak) -> datetime | None:
    """Since when this content has had live traffic there without a break: brought by this release, or by another one."""
    brought = [share.release_id for share in serving_now(work, soak.target) if share.weight and share.release_id]
    same = [each for each in brought if each == release.id or _has_same_content(work, each, plan, soak)]
    return min((since for each in same if (since := serving_since(work, soak.target, each))), default=None)


def _has_same_content(work: Work, other: str, plan: Plan, soak: PlannedSoak) -> bool:
    query = select(Rollout).where(Rollout.release_id == other, Rollout.target == soak.target)
    found = work.exec(query.order_by(col(Rollout.position)).limit(1)).first()
    try:
        return found is not None and _content(plan_of(work, found).read()) == _content(plan)
    except Conflict:
        return False  # what is not on record is not known to be the same


def _content(plan: Plan) -> tuple[str | None, ...]:
    environment, code = plan.environment, plan.code
    return plan.model.digest, environment.digest if environment else None, code.digest if code else None


def _in_vain(work: Work, release: Release, soak: PlannedSoak) -> Closed:
    """Superseded where a newer release of the model is why, else failed."""
    if soak.stage not in release.stages:
        sentence = (
            f"{soak.stage} does not serve this content, which must have served there for {soak.serving_for}. "
            f"Release it to {soak.stage} first, or to both stages at once."
        )
        return Closed(Status.FAILED, "soak_not_begun", sentence)
    instead = [share for share in serving_now(work, soak.target) if share.weight]
    newest = next((each for each in instead if _is_newer(work, each.release_id, release)), None)
    names = ", ".join(each.release_id or each.deployment for each in instead)
    sentence = (
        f"Does not serve in {soak.stage} any more, before the {soak.serving_for} that it must have served there were over: "
        f"{f'{names} serves there' if names else 'nothing serves there'}."
    )
    return Closed(Status.SUPERSEDED if newest else Status.FAILED, "soak_ended", sentence)


def _is_newer(work: Work, other: str | None, release: Release) -> bool:
    found = work.get(Release, other) if other else None
    return found is not None and found.model == release.model and found.number > release.number
