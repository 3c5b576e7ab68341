"""Somebody else who holds the database's locks."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text

from app.database.connection import Database


@contextmanager
def writing(url: str) -> Iterator[None]:
    """Somebody else's write transaction, held open at the head of the chain of events."""
    other = Database(url)
    try:
        with other.write() as session:
            if not url.startswith("sqlite"):
                # The server would end it after some seconds.
                session.connection().execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
            session.connection().execute(text("UPDATE event_head SET seq = seq"))
            yield
            session.rollback()
    finally:
        other.dispose()
