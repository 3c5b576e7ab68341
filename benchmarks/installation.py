"""An installation as the benchmarks find it: the tables, a model, and a token for who asks."""

from datetime import UTC, datetime
from pathlib import Path

from app.api.first_token import first_token
from app.database.connection import Database
from app.database.migrate import migrate
from app.events.work import UnitOfWork
from benchmarks.definitions import BENCH, apply_model


def install(url: str, data: Path) -> tuple[Database, str]:
    """The database at ``url``, with the model ``bench``; and the secret of an admin's token."""
    data.mkdir()
    database = Database(url)
    migrate(database)
    secret = first_token(database, "bench", now=datetime.now(UTC))
    with UnitOfWork(database, BENCH).transaction() as work:
        apply_model(work, "bench", data)
    return database, secret
