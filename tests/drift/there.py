"""What others have made at a target, as a worker reads it."""

from datetime import datetime
from typing import Any

from app.execution.scan_drift import scan_drift
from app.planning.observed import DeploymentFacts, EndpointFacts, Observed
from app.serving.scans import due_scans
from app.serving.tables import StoredTarget
from app.steps.read_target import Found
from tests.api.playing import as_json
from tests.guardrails.playing import Platform

Json = dict[str, Any]

ADOPT = "/v1/models/churn/stages/prod/adopt"
TARGET = "00000000-0000-0000-0000-000000000001/rg-ml/ws-prod/churn-prod"
ID = "/subscriptions/S/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w"
BLUE = DeploymentFacts(
    name="blue",
    model=f"{ID}/models/churn/versions/3",
    instance_type="Standard_E2s_v3",
    instance_count=1,
    state="succeeded",
)


def endpoint(**tags: str) -> EndpointFacts:
    return EndpointFacts(
        name="churn-prod", location="eastus", auth_mode="key", state="succeeded", tags={"owner": "ops", **tags}
    )


def foreign(**changes: Any) -> Observed:
    """An endpoint at which blue serves, which others made."""
    there = Observed(traffic={"blue": 100}, mirror={}, deployments=(BLUE,), endpoint=endpoint())
    return there.model_copy(update=changes)


def put_there(platform: Platform, observed: Observed, **more: Any) -> None:
    platform.worker.hands.targets[TARGET] = Found(observed, **more)


def scan(platform: Platform) -> StoredTarget:
    """As the worker's timer does; the target then."""
    scan_drift(platform.worker.context, TARGET)
    return stored(platform)


def stored(platform: Platform) -> StoredTarget:
    with platform.worker.database.read() as session:
        return session.get_one(StoredTarget, TARGET)


def is_due(platform: Platform, *, now: datetime, scheduled: bool = True) -> bool:
    with platform.worker.database.read() as session:
        return TARGET in due_scans(session, now=now, scheduled=scheduled, limit=8)


def adopted(platform: Platform, **body: Any) -> Json:
    """Asked for and prepared."""
    release = as_json(platform.anna.post(ADOPT, json=body))
    platform.worker.prepare(release["id"])
    return platform.look(release["id"])
