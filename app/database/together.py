"""Begin and end of a transaction, each in one round trip: PostgreSQL is sent together what SQLAlchemy sends one by one.

SQLite has no round trips: there each statement is carried out by itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


def beginning(connection: Connection, statement: str) -> Any:
    """The one value that a transaction's first statement reads: the driver begins the transaction with it. Raises as SQLAlchemy does."""
    if connection.dialect.name != "postgresql":
        return connection.exec_driver_sql(statement).scalar()
    with _pipeline(connection) as driver:
        cursor = driver.execute(statement)
    row = cursor.fetchone()
    return row and row[0]


@contextmanager
def committing(connection: Connection) -> Iterator[None]:
    """Commits at the end of the block, whose statements are not waited for: they must be such that nobody reads what comes of them.

    Raises what each would have raised by itself; then nothing is committed. To commit once more does nothing, and is what commits
    on SQLite.
    """
    if connection.dialect.name != "postgresql":
        yield
        return
    with _pipeline(connection) as driver:
        yield
        driver.execute("COMMIT")


@contextmanager
def _pipeline(connection: Connection) -> Iterator[Any]:
    import psycopg  # only where the database is one

    driver = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    try:
        with driver.pipeline():
            yield driver
    except psycopg.Error as broken:  # past SQLAlchemy, which had seen no answer yet
        raise DBAPIError.instance(
            None, None, broken, psycopg.Error, connection_invalidated=driver.closed, dialect=connection.dialect
        ) from broken
