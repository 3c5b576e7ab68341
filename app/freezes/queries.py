"""Reading freezes. The event chain counts: a row that was changed or removed past the service holds as it was created."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from app.errors import NotFound
from app.freezes.tables import RECORDED, Freeze
from app.freezes.windows import Frozen, Window, frozen
from app.releases.attested import CREATED, DELETED, freeze_events


def get_freeze(session: Session, freeze_id: str) -> Freeze:
    """Raises NotFound, also for a deleted one."""
    known = next((each for each in _on_record(session) if each.id == freeze_id), None)
    if known is None:
        raise no_such_freeze(freeze_id)
    return session.get(Freeze, freeze_id) or known


def no_such_freeze(freeze_id: str) -> NotFound:
    return NotFound(
        f"There is no freeze {freeze_id!r}.",
        code="freeze_not_found",
        hint="`mlrelease freeze list` lists them.",
    )


def list_freezes(session: Session, *, model: str | None = None) -> list[Freeze]:
    """Freezes that are not deleted, the newest first; ``model``: only those that apply to it."""
    found = [each for each in _on_record(session) if model is None or each.model in {None, model}]
    return sorted(found, key=lambda each: each.created_at, reverse=True)


def frozen_for(
    session: Session, *, model: str, stage: str, target: str, now: datetime, also: Sequence[Window] = ()
) -> Frozen | None:
    """The freeze that keeps a rollout from starting now, or None. ``also``: windows from elsewhere, such as guardrails."""
    concerned = [
        each.window
        for each in list_freezes(session, model=model)
        if each.stage in {None, stage} and (each.target is None or each.target.lower() == target.lower())
    ]
    return frozen([*concerned, *also], now)


def _on_record(session: Session) -> list[Freeze]:
    """Freezes that were created and not deleted, as the event chain has them."""
    events = freeze_events(session)
    ended = {event.subject for event in events if event.kind == DELETED}
    return [
        Freeze(
            id=event.subject,
            model=event.model,
            created_by=event.actor,
            created_at=event.at,
            **{field: event.data[field] for field in RECORDED},
        )
        for event in events
        if event.kind == CREATED and event.subject not in ended
    ]
