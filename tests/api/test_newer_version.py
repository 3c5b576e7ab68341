"""A newer version migrates the database while processes of this one run: they say so, and write nothing more."""

import httpx
import pytest
from sqlalchemy import text
from sqlmodel import select

from app.database.connection import Database
from app.database.revision import check_schema
from app.errors import Unavailable
from app.events.tables import Event
from app.events.work import UnitOfWork
from app.identity.actor import SERVICE

pytestmark = pytest.mark.both_databases


def migrate_to(url: str, revision: str) -> None:
    database = Database(url)
    with database.write() as session:
        session.connection().execute(text("UPDATE alembic_version SET version_num = :revision"), {"revision": revision})
    database.dispose()


def test_api_is_not_ready_and_refuses_to_write_with_a_sentence(anna: httpx.Client, database_url: str) -> None:
    assert anna.get("/health/ready").status_code == 200
    migrate_to(database_url, "9999")

    ready, refused = anna.get("/health/ready"), anna.post("/v1/freezes", json={"reason": "Away."})

    for answer in (ready, refused):
        assert (answer.status_code, answer.json()["code"]) == (503, "database_is_newer")
        assert "9999" in answer.json()["detail"]
    assert anna.get("/health/live").status_code == 200


def test_process_that_runs_writes_nothing_once_the_schema_is_another(database: Database, database_url: str) -> None:
    check_schema(database)
    migrate_to(database_url, "9999")

    with pytest.raises(Unavailable) as refused, UnitOfWork(database, SERVICE).transaction() as work:
        work.append_event("made.up", subject="x")

    assert refused.value.code == "database_is_newer"
    with database.read() as session:
        assert session.exec(select(Event)).all() == []
