"""What a rollout would change at its target, as text."""

from sqlmodel import Session

from app.releases.plans import difference
from app.releases.queries import plan_of
from app.releases.tables import Rollout
from app.serving.queries import replaced_plan
from app.serving.words import say_deployment, say_found


def difference_lines(session: Session, rollout: Rollout) -> list[str]:
    """One line for each field that differs from the plan it replaces; empty when it replaces nothing.

    What others made has no plan: there it is said what is replaced. Of an adoption: what is there.
    """
    plan = plan_of(session, rollout)
    adopts = plan.read().adopts
    if adopts is not None:
        return say_found(adopts)
    replaced, replaces = replaced_plan(session, plan), plan.read().replaces
    if replaced is None and replaces is not None:
        first = f"release: {say_deployment(replaces.deployment, replaces.release)} → {rollout.release_id}"
        return [first, f"model version: {_shown(replaces.model)} → a new one"]
    if replaced is None:
        return []
    first = f"release: {replaced.read().release} → {rollout.release_id}"
    changed = difference(replaced.document, plan.document)
    return [first, *(f"{each.field}: {_shown(each.before)} → {_shown(each.after)}" for each in changed)]


def _shown(value: object) -> str:
    return "–" if value is None else str(value)
