"""Observations of a target, recorded as a worker records them, at minutes of one noon."""

from datetime import UTC, datetime, timedelta

from app.database.connection import Database
from app.events.work import UnitOfWork
from app.identity.actor import SERVICE
from app.planning.observed import DeploymentFacts, Observed
from app.serving.service import At, record_observed

TARGET = "sub/rg/ws/churn-prod"
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
BLUE = DeploymentFacts(name="blue", model="azureml:churn:1")
R1 = DeploymentFacts(name="r1-abcd", release="churn-1", model="azureml:churn:2", digest="sha256:1")


def observe(database: Database, observed: Observed, *, minutes: int = 0) -> None:
    with UnitOfWork(database, SERVICE, now=NOW + timedelta(minutes=minutes)).transaction() as work:
        record_observed(work, At(TARGET, model="churn", stage="prod"), observed)
