"""The database's clock: the one that processes on different machines agree on."""

from datetime import datetime

from sqlalchemy import ColumnElement, func
from sqlmodel import Session, select

from app.database.types import UtcDateTime


def clock(session: Session) -> ColumnElement[datetime]:
    """The moment by the database's clock, to be selected; it moves on within a transaction."""
    if session.get_bind().dialect.name == "sqlite":
        return func.strftime("%Y-%m-%d %H:%M:%f000", "now", type_=UtcDateTime)
    return func.clock_timestamp(type_=UtcDateTime)


def database_now(session: Session) -> datetime:
    return session.exec(select(clock(session))).one()
