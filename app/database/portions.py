"""Rows of a sorted query, read as far as they are asked for."""

from collections.abc import Iterator
from typing import TypeVar

from sqlmodel import Session
from sqlmodel.sql.expression import SelectOfScalar

Row = TypeVar("Row")

FIRST = 50  # rows


def read_in_portions(session: Session, query: SelectOfScalar[Row]) -> Iterator[Row]:
    """Whoever has found what it looks for asks for no more: the rest is never read, however much it is."""
    seen, portion = 0, FIRST
    while page := session.exec(query.offset(seen).limit(portion)).all():
        yield from page
        seen, portion = seen + portion, 4 * portion  # few portions, however far it goes
