"""A database that refuses writes: the statement really is not carried out, and the transaction is over."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import event

from app.database.connection import Database

IS_WRITE = ("INSERT", "UPDATE", "DELETE")


class Broken(Exception):
    """What no code of ours knows."""


@dataclass
class Strikes:
    """How many writes there were, and how many of them were refused."""

    writes: int = 0
    refused: int = 0


@contextmanager
def refusing(database: Database, wanted: Callable[[int], bool]) -> Iterator[Strikes]:
    """Refuse each write that is ``wanted``, by its number from 1."""
    with _refusing(database, lambda number, _: wanted(number)) as strikes:
        yield strikes


@contextmanager
def refusing_statements(database: Database, wanted: Callable[[str], bool]) -> Iterator[Strikes]:
    """Refuse each write that is ``wanted``, by its text."""
    with _refusing(database, lambda _, statement: wanted(statement)) as strikes:
        yield strikes


@contextmanager
def _refusing(database: Database, wanted: Callable[[int, str], bool]) -> Iterator[Strikes]:
    strikes = Strikes()

    def strike(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.lstrip().startswith(IS_WRITE):
            return
        strikes.writes += 1
        if wanted(strikes.writes, statement):
            strikes.refused += 1
            raise Broken("the write was refused\nand this line is nobody's business")

    event.listen(database.engine, "before_cursor_execute", strike)
    try:
        yield strikes
    finally:
        event.remove(database.engine, "before_cursor_execute", strike)
