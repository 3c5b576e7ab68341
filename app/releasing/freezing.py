"""Creating and deleting freezes and holds: an event, and a new check of what waits, in one transaction."""

from app.freezes.queries import get_freeze
from app.freezes.service import Wanted, create_freeze, delete_freeze
from app.freezes.tables import RECORDED, Freeze
from app.releases.attested import CREATED, DELETED, ROW, row_digest
from app.releasing.advance import reconsider_scheduled
from app.releasing.work import Work


def create(work: Work, wanted: Wanted) -> Freeze:
    """Raises Invalid."""
    freeze = create_freeze(work, wanted)
    _tell(work, freeze, CREATED)
    return freeze


def delete(work: Work, freeze_id: str) -> None:
    """Raises NotFound."""
    freeze = get_freeze(work, freeze_id)
    delete_freeze(work, freeze)
    _tell(work, freeze, DELETED)


def _tell(work: Work, freeze: Freeze, kind: str) -> None:
    reconsider_scheduled(work)
    work.append_event(
        kind,
        subject=freeze.id,
        model=freeze.model,
        data={
            **freeze.model_dump(include=set(RECORDED), mode="json"),
            ROW: row_digest(freeze),
        },
    )
