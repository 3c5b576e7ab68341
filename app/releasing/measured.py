"""What a release's steps measured, for all who may see the release: people decide by it."""

from sqlmodel import Session

from app.evidence.reports import reports_on
from app.evidence.tables import MeasurementReport
from app.identity.actor import Actor
from app.identity.roles import Permission
from app.releases.queries import get_release, step_ids_of
from app.releasing.permissions import require_for_release


def reports_of_release(session: Session, actor: Actor, release_id: str) -> list[MeasurementReport]:
    """The oldest first. Raises NotFound, Forbidden."""
    require_for_release(actor, Permission.VIEW, release_id)
    get_release(session, release_id)
    return reports_on(session, step_ids_of(session, release_id))
