"""Clocks of hosts differ; everybody goes by the database's, and the record never goes back in time."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from app.api.first_token import LIFETIME, first_token
from app.database.connection import Database
from app.events.tables import Event
from app.events.work import UnitOfWork
from app.evidence.log import JOB_LOG, Log
from app.evidence.service import keep, subject_of_job
from app.execution.context import WorkerContext
from app.execution.rollout import carry_out_rollout
from app.identity.actor import SERVICE
from app.jobs.tables import TrainingJob
from app.releases.attempts import begin_attempt
from app.releases.queries import get_rollout, steps_of
from app.releases.service import move_rollout, move_step
from app.releases.states import Status, StepStatus
from app.settings import Settings
from app.steps.contract import Context, Done
from tests.api.serving import serving
from tests.execution.instant import hands, worker
from tests.instant import Hands
from tests.releases.conftest import planned

__all__ = ["hands", "planned", "worker"]

APART = timedelta(minutes=5)
CLOSE = timedelta(minutes=1)

on_postgresql = pytest.mark.parametrize("database_kind", ["postgresql"])


@pytest.fixture
def late(database: Database) -> Database:
    """A database whose clock is five minutes behind this machine's: to it this worker is one whose clock is ahead."""
    with database.write() as session:
        connection = session.connection()
        connection.execute(text("CREATE SCHEMA skewed"))
        connection.execute(
            text(
                "CREATE FUNCTION skewed.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS "
                "$$ SELECT pg_catalog.clock_timestamp() - interval '5 minutes' $$"
            )
        )
        name = connection.execute(text("SELECT current_database()")).scalar_one()
        connection.execute(text(f"ALTER DATABASE {name} SET search_path = skewed, pg_catalog, public"))
    database.dispose()  # connections that are made from now on see that clock
    return database


@on_postgresql
@pytest.mark.usefixtures("late")
def test_worker_whose_own_clock_is_ahead_writes_what_the_others_would(worker: WorkerContext) -> None:
    assert abs(datetime.now(UTC) - APART - worker.now()) < CLOSE


@on_postgresql
def test_step_that_another_worker_began_is_not_out_of_time(
    late: Database, planned: str, worker: WorkerContext, hands: Hands
) -> None:
    """Its time is a minute; between the two clocks there are five."""

    def looks_at_the_time(context: Context) -> Done:
        context.checkpoint()
        return Done("Made.")

    hands.acts["create_endpoint"] = looks_at_the_time
    with UnitOfWork(late, SERVICE).transaction() as work:
        rollout = get_rollout(work, planned, "dev")
        begin_attempt(work, rollout)
        said = {"code": "x", "sentence": "x"}
        move_rollout(work, rollout, Status.IN_PROGRESS, **said)
        (step,) = (each for each in steps_of(work, rollout.id) if each.key == "create_endpoint")
        move_step(work, step, StepStatus.RUNNING, code="x", sentence="x")

    assert carry_out_rollout(worker, rollout.id) is Status.SUCCEEDED


def test_event_that_is_written_later_is_never_earlier(database: Database) -> None:
    now = datetime.now(UTC)
    for moment in (now, now - APART, now + APART, now):
        with UnitOfWork(database, SERVICE, now=moment).transaction() as work:
            work.append_event("made.up", subject="x")

    with database.read() as session:
        moments = session.exec(select(Event.at).order_by(Event.seq)).all()  # type: ignore[arg-type] # a column
    assert moments == [now, now, now + APART, now + APART]


@on_postgresql
def test_token_and_log_live_by_the_clock_that_their_ends_were_made_with(late: Database, tmp_path: Path) -> None:
    """To this machine's clock both have been over for minutes."""
    left = timedelta(minutes=2)
    secret = first_token(late, "root", now=late.now() - LIFETIME + left)
    with UnitOfWork(late, SERVICE).transaction() as work:
        job = TrainingJob(
            subscription="s",
            resource_group="g",
            workspace="w",
            name="job-1",
            model="churn",
            status="Failed",
            code="failed",
            sentence="Failed.",
            recorded_by="root",
            created_at=late.now(),
        )
        work.add(job)
        work.flush()
        log = Log(JOB_LOG, "RuntimeError: no weights")
        keep(work, log, subject=subject_of_job(job.id), model="churn", days=left / timedelta(days=1))

    with serving(Settings(data=tmp_path / "data", database_url=late.url)) as service:
        answer = service.client(None).get("/v1/jobs/job-1/evidence", headers={"Authorization": f"Bearer {secret}"})

    assert answer.status_code == 200, answer.text
    assert "no weights" in answer.json()["items"][0]["text"]
