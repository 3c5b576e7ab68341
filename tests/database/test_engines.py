"""Connections to PostgreSQL are proved before they are used, without asking the server each time."""

import pytest
from sqlalchemy import text

from app.database.connection import Database


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_connections_that_the_server_ended_are_not_used_again(database: Database) -> None:
    with database.write() as first, database.write() as second:
        kept = {each.connection().connection.driver_connection for each in (first, second)}
    others = Database(database.url)
    with others.write() as session:
        session.connection().execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    others.dispose()

    with database.write() as session:
        assert session.connection().execute(text("SELECT 1")).scalar() == 1
        assert session.connection().connection.driver_connection not in kept
