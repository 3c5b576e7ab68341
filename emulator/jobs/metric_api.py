"""Azure ML's own metric service, version 2: what the studio and the run history client read metrics through."""

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter
from pydantic import Field

from emulator import arm
from emulator.errors import NotFound
from emulator.jobs import metrics, runs
from emulator.jobs.history import Asked
from emulator.state import Azure
from emulator.store import Document
from emulator.workspaces import Workspace

router = APIRouter()

_METRICS = f"/metric/v2.0{arm.WORKSPACE}/runs/{{run}}"
# The schema of a metric that is one number a step.
_SCALAR = "azureml.v1.scalar"


class MetricQuestion(Asked):
    metric_name: str


class NewValue(Asked):
    data: dict[str, Any]
    step: int | None = None


class NewMetric(Asked):
    name: str
    value: list[NewValue] = Field(default_factory=list)


class NewMetrics(Asked):
    values: list[NewMetric] = Field(default_factory=list)


@router.post(f"{_METRICS}/list")
async def list_metrics(azure: Azure, workspace: Workspace, run: str) -> Document:
    found = metrics.names(azure, runs.find(azure, workspace["name"], run))
    return {"value": [_definition(name) for name in found], "continuationToken": None, "nextLink": None}


@router.post(f"{_METRICS}/full")
async def get_metric(azure: Azure, workspace: Workspace, run: str, body: MetricQuestion) -> Document:
    """All points of one metric."""
    points = metrics.history(azure, runs.find(azure, workspace["name"], run), body.metric_name)
    if not points:
        raise NotFound(f"Run {run} has no metric '{body.metric_name}'.", code="UserError")
    return {
        "dataContainerId": f"dcid.{run}",
        "name": body.metric_name,
        "columns": {body.metric_name: "Double"},
        "properties": {"uxMetricType": _SCALAR},
        "namespace": None,
        "standardSchemaId": None,
        "value": [
            {
                "metricId": f"{body.metric_name}/{index}",
                "createdUtc": datetime.fromtimestamp(point["timestamp"] / 1000, UTC).isoformat(),
                "step": point["step"],
                "data": {body.metric_name: metrics.plain(point["value"])},
            }
            for index, point in enumerate(points)
        ],
        "continuationToken": None,
        "nextLink": None,
    }


@router.post(f"{_METRICS}/batch")
async def log_metrics(azure: Azure, workspace: Workspace, run: str, body: NewMetrics) -> Document:
    """Add points to metrics."""
    found = runs.find(azure, workspace["name"], run)
    with azure.store.transaction():
        for metric in body.values:
            for value in metric.value:
                for column, number in value.data.items():
                    name = metric.name if len(value.data) == 1 else f"{metric.name}.{column}"
                    metrics.log(azure, found, name=name, value=number, step=value.step or 0)
    return {"errors": []}


def _definition(name: str) -> Document:
    return {
        "metricKey": {"namespace": None, "name": name, "labels": [], "columnNames": [name]},
        "columns": {name: "Double"},
        "properties": {"uxMetricType": _SCALAR},
    }
