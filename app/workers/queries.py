"""Reading workers."""

from sqlmodel import Session, col, select

from app.database.clock import database_now
from app.workers.tables import Worker


def list_workers(session: Session) -> list[Worker]:
    """Those that hold a lease, the longest at work first."""
    now = database_now(session)
    return list(session.exec(select(Worker).where(col(Worker.expires_at) > now).order_by(col(Worker.started_at))).all())


def live_ids(session: Session) -> set[str]:
    """Whoever may be at work: also a lease that ran out but was not taken away yet."""
    return set(session.exec(select(Worker.id)).all())
