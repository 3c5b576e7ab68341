"""The schema, brought up to date by ``mlrelease migrate``; every process checks it before it works, in ``revision``."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from dbos import DBOS
from sqlalchemy import Connection, make_url
from sqlmodel import SQLModel

import migrations
from app.database.connection import Database, available
from app.database.watch import notify_of_changes
from app.errors import Misconfigured


def migrate(database: Database, *, revision: str = "head", role: str = "") -> None:
    """Bring our tables and the engine's to what this version of the software needs. Raises Unavailable.

    ``role``: of PostgreSQL, may then read and write all of them, and change none.
    """
    if database.url.startswith("sqlite:///"):
        Path(database.url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
    with available(), _connection(database) as connection:
        command.upgrade(_config(connection), revision)
    logging.getLogger("dbos").setLevel(logging.WARNING)
    DBOS.migrate(_url_for_once(database))
    if revision == "head":
        with available(), database.engine.begin() as connection:
            notify_of_changes(connection)
    if role:
        with available(), database.engine.begin() as connection:
            _let_use_tables(connection, role)


def _let_use_tables(connection: Connection, role: str) -> None:
    to = f"TO {connection.dialect.identifier_preparer.quote_identifier(role)}"
    for schema in ("public", "dbos"):
        connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} {to}")
        connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} {to}")
        connection.exec_driver_sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} {to}")
        connection.exec_driver_sql(f"GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA {schema} {to}")


def _url_for_once(database: Database) -> str:
    """With a password in it that may be good for some minutes only: the engine's migrations take a URL and nothing else."""
    if database.password is None:
        return database.url
    return make_url(database.url).set(password=database.password()).render_as_string(hide_password=False)


def downgrade(database: Database, *, revision: str) -> None:
    """Take our tables back to an older revision; data of what is dropped is lost."""
    with _connection(database) as connection:
        command.downgrade(_config(connection), revision)


@contextmanager
def _connection(database: Database) -> Iterator[Connection]:
    """To migrate in one transaction. SQLite changes a column by making its table anew: what refers to that is checked at the end."""
    with database.engine.connect() as connection:
        driver = connection.connection.driver_connection
        if not isinstance(driver, sqlite3.Connection):
            yield connection
            connection.commit()
            return
        driver.execute("PRAGMA foreign_keys=OFF")  # within a transaction it would say nothing, and change nothing
        try:
            yield connection
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            if broken:
                raise Misconfigured(
                    f"The migration would leave rows that refer to nothing, in {', '.join({row[0] for row in broken})}.",
                    code="migration_breaks_rows",
                )
            connection.commit()
        finally:
            connection.rollback()
            driver.execute("PRAGMA foreign_keys=ON")


def drift(database: Database) -> list[object]:
    """Differences between the migrated database and the tables in the code; empty when they agree."""
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_object": _is_ours, "compare_type": False})
        return list(compare_metadata(context, SQLModel.metadata))


def _is_ours(_item: object, name: str | None, kind: str, reflected: bool, _other: object) -> bool:
    """The engine keeps its tables in the same SQLite file; they are its own affair."""
    if kind == "table" and reflected:
        return name in SQLModel.metadata.tables or name == "alembic_version"
    return True


def _config(connection: object) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(next(iter(migrations.__path__)))))
    config.attributes["connection"] = connection
    return config
