"""A release with two stages, as the service keeps it, without any engine or Azure."""

from datetime import UTC, datetime

import pytest

from app.bundles.tables import Bundle
from app.database.connection import Database
from app.definitions.tables import DefinitionVersion
from app.events.work import UnitOfWork
from app.identity.actor import Actor
from app.jobs.service import record_job
from app.planning.sources import JobSource
from app.releases.planning import plan_release
from app.releases.service import Request, create_release
from app.releases.tables import Release
from tests.planning.examples import CONTENT, PLACE, a_plan

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ANNA = Actor(name="anna", via="cli")


def a_release(work: UnitOfWork) -> Release:
    bundle = Bundle(digest="sha256:b", archive=b"", size=0, created_at=NOW)
    work.add(bundle)
    work.flush()
    definition = DefinitionVersion(
        model="churn", version=1, bundle_digest=bundle.digest, content={}, applied_at=NOW, applied_by="anna"
    )
    work.add(definition)
    work.flush()
    job, _ = record_job(work, PLACE, "job-1", model="churn")
    assert definition.id is not None
    assert job.id is not None
    asked = Request("churn", definition.id, 1, JobSource(job="job-1"), ("dev", "prod"), job_id=job.id)
    return create_release(work, asked, mark="abcd")


@pytest.fixture
def planned(database: Database) -> str:
    """The id of a release that is planned for dev and, with an approval, for prod."""
    with UnitOfWork(database, ANNA, now=NOW).transaction() as work:
        release = a_release(work)
        plans = [a_plan("dev", endpoint="dev"), a_plan("prod", endpoint="prod", approval={"self_approval": True})]
        plan_release(work, release, CONTENT, plans)
        return release.id
