"""A log of what failed: kept beside the record, shown to few, deleted without a gap in the chain."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import text as sql
from sqlmodel import select

from app.azureml.errors import ModelFailed
from app.database.connection import Database
from app.errors import Forbidden, NotFound
from app.events.tables import Event
from app.events.work import UnitOfWork
from app.evidence.log import DEPLOYMENT_LOG, Log
from app.evidence.reports import GOLDEN, Report, digest_of_report
from app.evidence.service import delete_expired, digest_of, keep
from app.evidence.tables import Evidence
from app.execution.step_runs import End, record_end
from app.identity.actor import SERVICE, Actor
from app.identity.roles import Grant, Role
from app.releases.locks import lock_rollout
from app.releases.states import StepStatus
from app.releases.tables import Release
from app.releasing.auditing import verify
from app.releasing.failure_logs import delete_log_of_job, delete_log_of_release, logs_of_job, logs_of_release
from app.releasing.work import Work
from app.steps.contract import Refused
from tests.identity.conftest import (
    As,
    bearer,
    churn,
    holder,
    issuer,
    plain_logs,
    planned,
    root,
    service,
    settings,
    worker,
)
from tests.instant import InstantWorker

pytestmark = pytest.mark.both_databases

__all__ = ["bearer", "churn", "holder", "issuer", "plain_logs", "planned", "root", "service", "settings", "worker"]

LOG = "loading\nDB_PASSWORD=hunter2hunter2\nRuntimeError: no such weights\n"
NOW = datetime.now(UTC)


@pytest.fixture
def failed(planned: str, worker: InstantWorker) -> str:
    """A release whose step failed, and left a log."""
    error = ModelFailed("The scoring code did not start.", log=Log(DEPLOYMENT_LOG, LOG))
    worker.fail(planned, "dev", at="create_deployment", error=error)
    return planned


def kept(database: Database) -> Evidence:
    with database.read() as session:
        return session.exec(select(Evidence)).one()


def said_of(database: Database) -> list[Any]:
    with database.read() as session:
        return [each.data for each in session.exec(select(Event)).all()]


def test_events_have_the_digest_of_a_log_and_nothing_of_its_text(failed: str, worker: InstantWorker) -> None:
    found = kept(worker.database)

    assert "no such weights" in str(found.text)
    assert "hunter2" not in str(found.text)
    assert found.digest == digest_of(str(found.salt), str(found.text))
    said = said_of(worker.database)
    assert found.digest in str(said)
    assert "no such weights" not in str(said)
    assert f"mlrelease release logs {failed}" in str(said)


def test_log_is_shown_to_who_may_diagnose_the_model_only(failed: str, holder: As) -> None:
    path = f"/v1/releases/{failed}/evidence"
    for role in ("requester", "operator", "admin"):
        shown = holder(f"{role}:churn", name=role).get(path)
        assert shown.status_code == 200
        assert "no such weights" in shown.json()["items"][0]["text"]
    for role in ("viewer", "approver"):
        assert holder(f"{role}:churn", name=role).get(path).status_code == 403
    assert holder("admin:other", name="other").get(path).status_code == 404


def test_what_was_measured_is_shown_to_all_who_see_the_release_and_its_digest_is_in_the_chain(
    planned: str, worker: InstantWorker, holder: As
) -> None:
    document = {"verdict": "failed", "findings": [], "wrong": [{"new": "password=hunter2hunter2"}]}
    refusal = Refused("It lost two points.", code="golden_failed", report=Report(GOLDEN, "failed", document))
    worker.fail(planned, "dev", at="verify_deployment", error=refusal)
    path = f"/v1/releases/{planned}/reports"

    (shown,) = holder("viewer:churn", name="viewer").get(path).json()["items"]

    assert (shown["subject"], shown["kind"], shown["verdict"]) == (f"{planned}:dev:verify_deployment", GOLDEN, "failed")
    assert shown["digest"] == digest_of_report(shown["document"])
    assert shown["digest"] in str(said_of(worker.database))
    assert "hunter2" not in str(shown)
    assert holder("admin:other", name="other").get(path).status_code == 404


def test_deleted_log_leaves_its_digest_and_an_intact_chain(
    failed: str, root: httpx.Client, holder: As, worker: InstantWorker
) -> None:
    evidence = kept(worker.database)
    path = f"/v1/releases/{failed}/evidence/{evidence.id}"

    assert holder("operator:churn", name="op").delete(path).status_code == 403
    assert root.delete(path).json()["text"] is None
    assert root.delete(path).status_code == 200
    assert root.delete(f"{path}x").status_code == 404

    left = kept(worker.database)
    assert (left.text, left.salt, left.digest, left.deleted_by) == (None, None, evidence.digest, "root")
    with worker.database.read() as session:
        assert verify(worker.database).intact
        assert len(session.exec(select(Event).where(Event.kind == "evidence.deleted")).all()) == 1


def test_rights_to_a_log_are_checked_with_the_use_case(failed: str, worker: InstantWorker) -> None:
    evidence = kept(worker.database)
    operator = Actor(name="op", via="api", grants=(Grant(Role.OPERATOR, "churn"),))
    approver = Actor(name="ap", via="api", grants=(Grant(Role.APPROVER, "churn"),))
    stranger = Actor(name="st", via="api", grants=(Grant(Role.ADMIN, "other"),))

    with worker.database.read() as session:
        assert [each.id for each in logs_of_release(session, operator, failed)] == [evidence.id]
        with pytest.raises(Forbidden):
            logs_of_release(session, approver, failed)
        with pytest.raises(NotFound):
            logs_of_release(session, stranger, failed)
        job = session.get_one(Release, failed).job
        assert job is not None
        assert logs_of_job(session, operator, job, workspace=None) == []
        for actor in (approver, stranger):
            with pytest.raises(NotFound):
                logs_of_job(session, actor, job, workspace=None)

    for actor, refusal in ((operator, Forbidden), (stranger, NotFound)):
        with pytest.raises(refusal), Work(worker.releasing, actor).transaction() as work:
            delete_log_of_release(work, failed, evidence.id)
        with pytest.raises(NotFound, match=job), Work(worker.releasing, actor).transaction() as work:
            delete_log_of_job(work, job, evidence.id, workspace=None)
    assert kept(worker.database).text is not None


def test_log_is_deleted_when_its_time_is_over(failed: str, root: httpx.Client, worker: InstantWorker) -> None:
    with worker.database.write() as session:
        assert delete_expired(session, now=NOW + timedelta(days=29)) == 0
        session.connection().execute(sql("UPDATE evidence SET expires_at = created_at"))

    assert root.get(f"/v1/releases/{failed}/evidence").json()["items"][0]["text"] is None
    with worker.database.write() as session:
        assert delete_expired(session, now=datetime.now(UTC) + timedelta(seconds=1)) == 1
    assert (kept(worker.database).text, kept(worker.database).deleted_by) == (None, "retention")


def test_nothing_expired_is_left_by_the_next_log_that_is_kept(database: Database) -> None:
    with UnitOfWork(database, SERVICE, now=NOW).transaction() as work:
        old = keep(work, Log(DEPLOYMENT_LOG, "old"), subject="a", model=None, days=1)
    with UnitOfWork(database, SERVICE, now=NOW + timedelta(days=2)).transaction() as work:
        keep(work, Log(DEPLOYMENT_LOG, "new"), subject="a", model=None, days=1)

    with database.read() as session:
        assert session.get_one(Evidence, old["id"]).text is None


def test_text_that_no_database_takes_is_kept(database: Database) -> None:
    with UnitOfWork(database, SERVICE, now=NOW).transaction() as work:
        keep(work, Log(DEPLOYMENT_LOG, "a\x00b\ud800c\x1b[31md\u202e"), subject="a", model=None, days=1)

    assert kept(database).text == "abcd"


def test_secret_in_a_sentence_or_in_details_is_left_out_of_the_event(planned: str, worker: InstantWorker) -> None:
    with UnitOfWork(worker.database, SERVICE, now=NOW).transaction() as work:
        rollout, release, steps = lock_rollout(work, f"{planned}:dev")
        steps[0].status = StepStatus.RUNNING
        # Past the errors that redact what they say themselves: nothing gets into the record but by here.
        end = End(StepStatus.FAILED, "x", "It said: token=abc123abc.", output={"got": ["password=abc123abc"]})
        record_end(work, release, rollout, steps[0], end, log_days=1)

    said = str(said_of(worker.database))
    assert "It said: token=" in said
    assert "abc123abc" not in said
