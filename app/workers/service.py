"""Leases: taken, renewed, given back, taken away. The only writer of workers."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import bindparam
from sqlmodel import Session, col, select

from app.database.clock import Clock, database_now
from app.errors import Conflict
from app.workers.tables import Worker

# Made once: every write of a worker begins with it.
_HELD_LEASE = (
    select(col(Worker.expires_at), Clock())
    .where(col(Worker.id) == bindparam("worker"))
    .with_for_update(read=True, key_share=True)
)


@dataclass(frozen=True)
class WorkerIdentity:
    """Who a worker process is. ``id`` is new with each process, so that nobody is taken for another."""

    id: str
    host: str
    pid: int
    version: str


def take_lease(session: Session, worker: WorkerIdentity, *, seconds: float) -> None:
    """Begin a lease, or begin it anew under the same id."""
    now = database_now(session)
    session.merge(
        Worker(
            id=worker.id,
            host=worker.host,
            pid=worker.pid,
            version=worker.version,
            started_at=now,
            renewed_at=now,
            expires_at=now + timedelta(seconds=seconds),
        )
    )
    session.flush()


def renew_lease(session: Session, worker_id: str, *, seconds: float) -> bool:
    """Hold it for ``seconds`` more; False when it ran out or was taken away."""
    lease = session.exec(select(Worker).where(Worker.id == worker_id).with_for_update(key_share=True)).first()
    now = database_now(session)
    if lease is None or lease.expires_at <= now:
        return False
    lease.renewed_at, lease.expires_at = now, now + timedelta(seconds=seconds)
    session.add(lease)
    session.flush()
    return True


def require_lease(session: Session, worker_id: str) -> None:
    """Make this transaction one of a worker that holds its lease. Raises Conflict.

    The row stays locked against being taken away until the transaction ends: what is written here is written before whoever
    takes over begins. Not against being renewed: a busy worker's writes would keep its own renewals waiting for good.
    """
    lease = session.connection().execute(_HELD_LEASE, {"worker": worker_id}).first()
    if lease is None or lease[0] <= lease[1]:
        raise Conflict(f"The worker {worker_id} has lost its lease.", code="lease_lost")


def give_back(session: Session, worker_id: str) -> None:
    """End a lease: whoever looks next takes over what it drove."""
    lease = session.get(Worker, worker_id)
    if lease is not None:
        session.delete(lease)
        session.flush()


def take_away_expired(session: Session) -> list[str]:
    """End every lease that was not renewed in time; whose they were."""
    now = database_now(session)
    # One that is locked is being renewed or written under at this moment: its turn comes at the next look.
    expired = session.exec(select(Worker).where(col(Worker.expires_at) <= now).with_for_update(skip_locked=True)).all()
    for lease in expired:
        session.delete(lease)
    session.flush()
    return [lease.id for lease in expired]
