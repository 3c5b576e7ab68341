"""Keeping bundles in the database. Nothing here commits."""

from datetime import datetime

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.bundles.tables import Bundle
from app.errors import NotFound


def keep(session: Session, archive: bytes, *, digest: str, now: datetime) -> str:
    """Keep an archive under its digest, which ``bundles.archive`` gives; the same content again changes nothing."""
    if _is_kept(session, digest):
        return digest
    try:
        with session.begin_nested():
            session.add(Bundle(digest=digest, archive=archive, size=len(archive), created_at=now))
    except IntegrityError:
        if not _is_kept(session, digest):  # else somebody else kept the same meanwhile
            raise
    return digest


def load(session: Session, digest: str) -> bytes:
    """The archive. Raises NotFound."""
    archive = session.exec(select(Bundle.archive).where(Bundle.digest == digest)).first()
    if archive is None:
        raise NotFound(f"There is no bundle {digest}.", code="bundle_not_found")
    return archive


def _is_kept(session: Session, digest: str) -> bool:
    return session.exec(select(col(Bundle.digest)).where(Bundle.digest == digest)).first() is not None
