"""What was decided before there were policies is kept."""

from datetime import UTC, datetime

from sqlalchemy import text

from app.database.connection import Database
from app.database.migrate import downgrade, drift, migrate
from app.events.work import UnitOfWork
from app.releases.planning import plan_release
from app.releases.tables import Rollout
from tests.planning.examples import CONTENT, a_plan
from tests.releases.conftest import ANNA, NOW, a_release


def test_decisions_and_plans_go_down_and_up_with_their_rollouts(database: Database) -> None:
    with UnitOfWork(database, ANNA, now=NOW).transaction() as work:
        release = a_release(work)
        plan_release(work, release, CONTENT, [a_plan("dev"), a_plan("prod", approval={"self_approval": True})])
    downgrade(database, revision="0001")
    with database.engine.begin() as connection:
        for actor in ("Anna", "anna", "bert"):
            connection.execute(
                text(
                    "INSERT INTO decision (rollout_id, attempt, approve, actor, via, reason, plan_digest, at) "
                    "VALUES ('churn-1:prod', 0, true, :actor, 'api', 'Good.', 'sha256:x', :at)"
                ),
                {"actor": actor, "at": datetime(2026, 1, 2, tzinfo=UTC)},
            )

    migrate(database)

    assert drift(database) == []
    with database.engine.connect() as connection:
        kept = connection.execute(text("SELECT actor, person, round, groups FROM decision ORDER BY id")).all()
        assert [tuple(row)[:3] for row in kept] == [("Anna", "anna", 0), ("bert", "bert", 0)]
    with database.read() as session:
        assert session.get_one(Rollout, "churn-1:prod").plan_digest.startswith("sha256:")
