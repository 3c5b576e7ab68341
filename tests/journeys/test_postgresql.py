"""The same way over PostgreSQL."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.conftest import create_database, url_of
from tests.journeys.running import Running, running
from tests.journeys.team import Team, steps_of


@pytest.fixture(scope="module")
def service(postgresql: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, str]]:
    """The service over a database of its own; its URL for psycopg."""
    url = url_of(postgresql, create_database(postgresql, f"journey_{uuid.uuid4().hex[:12]}"))
    with running(tmp_path_factory.mktemp("postgresql-service"), database_url=url) as service:
        yield service, url.replace("postgresql+psycopg://", "postgresql://")


def test_release_goes_to_production_over_postgresql_and_leaves_no_key_in_it(
    service: tuple[Running, str], tmp_path: Path
) -> None:
    running, url = service
    team = Team(running, tmp_path)
    team.apply()
    job = team.train()

    released = team.release(job)
    again = team.release(job, stages=["dev"])

    assert team.use(team.prod, [2, 3]) == [6, 9]
    assert steps_of(again, "dev")["register_model"]["output"]["reused"] is True
    assert [event["seq"] for event in running.events(released["id"])] == sorted(
        event["seq"] for event in running.events(released["id"])
    )
    kept = everything_in(url)
    assert released["id"] in kept
    for workspace, endpoint in (("ws-dev", team.dev), ("ws-prod", team.prod)):
        for key in running.azure.keys(workspace, endpoint):
            assert key not in kept


def everything_in(url: str) -> str:
    """All rows of all tables, the engine's too, as text."""
    with closing(psycopg.connect(url)) as database:
        tables = database.execute(
            "SELECT quote_ident(table_schema) || '.' || quote_ident(table_name) FROM information_schema.tables"
            " WHERE table_type = 'BASE TABLE' AND table_schema NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        return "\n".join(
            str(row)
            for (table,) in tables
            for row in database.execute(f"SELECT t::text FROM {table} AS t").fetchall()  # noqa: S608 # names from the catalogue
        )
