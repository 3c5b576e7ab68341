"""Migrations: up, down, no drift, and a process that refuses a schema that is not its own."""

from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.exc import IntegrityError

import migrations
from app.database.connection import Database
from app.database.migrate import downgrade, drift, migrate
from app.database.revision import check_schema, known_revisions
from app.errors import Misconfigured
from app.events.work import UnitOfWork
from app.planning.content import Content
from app.planning.purpose import Purpose
from app.releases.planning import plan_release
from app.releases.tables import Release, Rollout
from tests.planning.examples import CONTENT, a_plan
from tests.releases.conftest import ANNA, NOW, a_release


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


def test_revisions_named_by_the_files_are_those_that_alembic_knows() -> None:
    scripts = ScriptDirectory(str(Path(next(iter(migrations.__path__)))))

    assert known_revisions() == [script.revision for script in scripts.walk_revisions()][::-1]


def test_drift_is_seen(database: Database) -> None:
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE rollout DROP COLUMN workspace"))

    assert "workspace" in str(drift(database))


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


def test_what_refers_to_a_table_that_is_made_anew_still_does(database: Database) -> None:
    with UnitOfWork(database, ANNA, now=NOW).transaction() as work:
        plan_release(work, a_release(work), CONTENT, [a_plan("dev")])

    downgrade(database, revision="0015")
    migrate(database)

    with database.read() as session:
        release = session.get_one(Release, "churn-1")
        assert (release.source, release.purpose) == ({"kind": "job", "job": "job-1"}, Purpose.RELEASE)
        assert release.content is not None
        assert Content.model_validate(release.content) == CONTENT
        assert session.get_one(Rollout, "churn-1:dev").release_id == release.id
    with pytest.raises(IntegrityError), database.write() as session:
        session.execute(text("UPDATE rollout SET release_id = 'none'"))
