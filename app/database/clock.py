"""The database's clock: the one that processes on different machines agree on."""

from datetime import datetime
from typing import Any

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session, select

from app.database.types import UtcDateTime


class Clock(FunctionElement[datetime]):
    """The moment by the database's clock, to be selected; it moves on within a transaction."""

    type = UtcDateTime()
    inherit_cache = True


@compiles(Clock)
def _clock(_element: Clock, _compiler: SQLCompiler, **_options: Any) -> str:
    return "clock_timestamp()"


@compiles(Clock, "sqlite")
def _clock_of_sqlite(_element: Clock, _compiler: SQLCompiler, **_options: Any) -> str:
    return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"


def database_now(session: Session) -> datetime:
    return session.exec(select(Clock())).one()
