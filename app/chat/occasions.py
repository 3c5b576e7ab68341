"""Of which events people are told by a message of its own: an update of an older message notifies nobody.

An approval is asked for once for each rollout, and its message follows the rollout. Each question and each failure is told once.
"""

from dataclasses import dataclass

from sqlmodel import Session

from app.documents.json_object import Json
from app.events.tables import Event
from app.releases.queries import rollouts_of
from app.releases.questions import is_question
from app.releases.states import Status

FAILED = frozenset({f"rollout.{Status.FAILED}", f"rollout.{Status.ROLLED_BACK}"})
FAILED_UNPLANNED = f"release.{Status.FAILED}"


@dataclass(frozen=True)
class Occasion:
    """``key``: the same occasion has the same. ``memory``: of the delivery, what its sender must know."""

    key: str
    memory: Json


def occasion_of(session: Session, event: Event) -> Occasion | None:
    """None: what happened has no message of its own."""
    if event.release_id is None:
        return None
    if event.kind == f"rollout.{Status.PENDING_APPROVAL}":
        return Occasion(event.subject, {})
    is_told = (
        is_question(event)
        or event.kind in FAILED
        # With rollouts it is the failure of one of them.
        or (event.kind == FAILED_UNPLANNED and not rollouts_of(session, event.release_id))
    )
    return Occasion(f"{event.subject}:{event.seq}", {"event": event.seq}) if is_told else None
