"""Reading workers."""

from datetime import datetime

from sqlalchemy import text
from sqlmodel import Session, col, select

from app.database.clock import database_now
from app.events.tables import ABOUT_LOST_WORKERS, Event
from app.workers.tables import Worker

WORKER_LOST = "worker.lost"  # the kind of event
_LOST = text(
    f"event.{ABOUT_LOST_WORKERS}"
)  # as in the index: with a parameter in place of the word it would not be used


def list_workers(session: Session) -> list[Worker]:
    """Those that hold a lease, the longest at work first."""
    now = database_now(session)
    return list(session.exec(select(Worker).where(col(Worker.expires_at) > now).order_by(col(Worker.started_at))).all())


def last_change(session: Session, worker_id: str) -> datetime:
    """When a worker was last lost, or this one began: whatever was under way may have ended with a process then."""
    lost = select(Event.at).where(_LOST).order_by(col(Event.seq).desc()).limit(1)
    began = session.get_one(Worker, worker_id).started_at
    return max(began, session.exec(lost).first() or began)


def live_ids(session: Session) -> set[str]:
    """Whoever may be at work: also a lease that ran out but was not taken away yet."""
    return set(session.exec(select(Worker.id)).all())
