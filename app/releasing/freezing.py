"""Freezing and holding: an event, and a new look at what waits, in one transaction."""

from sqlmodel import Session

from app.freezes.queries import get_freeze
from app.freezes.service import Wanted, create_freeze, delete_freeze
from app.freezes.tables import RECORDED, Freeze
from app.releases.attested import CREATED, DELETED, ROW, row_digest
from app.releases.events import append_event
from app.releasing.advance import look_at_scheduled
from app.releasing.requests import Asking


def create(session: Session, asking: Asking, wanted: Wanted) -> Freeze:
    """Raises Invalid."""
    freeze = create_freeze(session, wanted, by=asking.actor.name, now=asking.now)
    _tell(session, asking, freeze, CREATED)
    return freeze


def delete(session: Session, asking: Asking, freeze_id: str) -> None:
    """Raises NotFound."""
    freeze = get_freeze(session, freeze_id)
    delete_freeze(session, freeze, by=asking.actor.name, now=asking.now)
    _tell(session, asking, freeze, DELETED)


def _tell(session: Session, asking: Asking, freeze: Freeze, kind: str) -> None:
    look_at_scheduled(session, asking.queue, now=asking.now)
    append_event(
        session,
        kind,
        subject=freeze.id,
        actor=asking.actor,
        now=asking.now,
        model=freeze.model,
        data={
            **freeze.model_dump(include=set(RECORDED), mode="json"),
            ROW: row_digest(freeze),
        },
    )
