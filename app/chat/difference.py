"""What a rollout would change at its target, as text."""

from sqlmodel import Session

from app.releases.plans import difference
from app.releases.queries import plan_of
from app.releases.tables import Rollout
from app.serving.queries import replaced_plan


def difference_lines(session: Session, rollout: Rollout) -> list[str]:
    """One line for each field that differs from the plan it replaces; empty when it replaces none."""
    plan = plan_of(session, rollout)
    replaced = replaced_plan(session, plan)
    if replaced is None:
        return []
    first = f"release: {replaced.read().release} → {rollout.release_id}"
    changed = difference(replaced.document, plan.document)
    return [first, *(f"{each.field}: {_shown(each.before)} → {_shown(each.after)}" for each in changed)]


def _shown(value: object) -> str:
    return "–" if value is None else str(value)
