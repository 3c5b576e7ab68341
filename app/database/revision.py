"""Whether the database's schema is the one that this version was written for. Without Alembic, which only a migration needs."""

from pathlib import Path

from sqlalchemy import inspect
from sqlmodel import Session

import migrations
from app.database.connection import REVISION, Database
from app.errors import Misconfigured


def check_schema(database: Database) -> None:
    """Raises Misconfigured when the schema is not the one that this version was written for; later it is no more written to another."""
    with database.read() as session:
        found = _revision(session)
    if found is not None and found == database.revision:
        return  # compared before: what this version needs stays the same, and readiness is asked all the time
    known = known_revisions()
    wanted = known[-1]
    if found == wanted:
        database.revision = wanted
        return
    if found is None or found in known:
        raise Misconfigured(
            f"The database is at revision {found or 'none'}, this version needs {wanted}.",
            code="migrations_not_applied",
            hint="Run `mlrelease migrate` first.",
        )
    raise Misconfigured(
        f"The database is at revision {found}, which this version does not know: a newer version migrated it.",
        code="database_is_newer",
        hint="Start the version of mlrelease that migrated it, or a newer one.",
    )


def known_revisions() -> list[str]:
    """Of this version, the newest last: each migration's file begins with the number of its revision."""
    folder = Path(next(iter(migrations.__path__)), "versions")
    return sorted(file.name.partition("_")[0] for file in folder.glob("[0-9]*.py"))


def _revision(session: Session) -> str | None:
    connection = session.connection()
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.exec_driver_sql(REVISION).scalar()
    return found
