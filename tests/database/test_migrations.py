"""Migrations: up, down, no drift, and a process that refuses a schema that is not its own."""

import pytest
from sqlalchemy import inspect, text

from app.database.connection import Database
from app.database.migrate import check_schema, downgrade, drift, migrate
from app.errors import Misconfigured


def test_migrated_tables_agree_with_the_code(database: Database) -> None:
    assert drift(database) == []


def test_migrating_again_changes_nothing(database: Database) -> None:
    migrate(database)

    check_schema(database)


def test_going_down_and_up_gives_the_same_tables(database: Database) -> None:
    before = set(inspect(database.engine).get_table_names())

    downgrade(database, revision="base")
    assert "release" not in inspect(database.engine).get_table_names()
    migrate(database)

    assert set(inspect(database.engine).get_table_names()) == before
    assert drift(database) == []


def test_drift_is_seen(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE rollout DROP COLUMN deployment"))

    assert "deployment" in str(drift(database))


def test_a_database_without_tables_is_refused_with_what_to_run(empty_database_url: str) -> None:
    with pytest.raises(Misconfigured, match="mlrelease migrate") as refused:
        check_schema(Database(empty_database_url))

    assert refused.value.code == "migrations_not_applied"


def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))

    with pytest.raises(Misconfigured) as refused:
        check_schema(database)

    assert refused.value.code == "database_is_newer"
