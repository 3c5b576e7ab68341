"""MLflow's tracking interface, for jobs that log metrics and for those who read them: a run is a job of the same name.

Runs are made by submitting jobs; those that MLflow itself would create are refused, and so is storing artifacts: a job's
outputs are where files go.
"""

from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, Field

from emulator import arm
from emulator.errors import AzureError, BadRequest, NotFound
from emulator.jobs import metrics, runs
from emulator.jobs.statuses import Status
from emulator.state import Azure, Emulator
from emulator.storage import ARTIFACT_STORE
from emulator.store import Document
from emulator.workspaces import Workspace


class MlflowRoute(APIRoute):
    """Says what is wrong as MLflow's clients read it: ``{"error_code", "message"}``."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except AzureError as refusal:
                body = {"error_code": refusal.code, "message": refusal.message}
                return JSONResponse(body, status_code=refusal.status)

        return answer


router = APIRouter(route_class=MlflowRoute)

# Azure serves both; the first is what a workspace's mlFlowTrackingUri says.
_BASES = tuple(f"/mlflow/{version}{arm.WORKSPACE}/api/2.0/mlflow" for version in ("v1.0", "v2.0"))
_STATUSES = {
    Status.COMPLETED: "FINISHED",
    Status.FAILED: "FAILED",
    Status.CANCELED: "KILLED",
    Status.NOT_STARTED: "SCHEDULED",
    Status.STARTING: "SCHEDULED",
    Status.QUEUED: "SCHEDULED",
}


class OfRun(BaseModel):
    """A request about a run; old clients call its id run_uuid."""

    run_id: str = ""
    run_uuid: str = ""

    @property
    def run(self) -> str:
        return self.run_id or self.run_uuid


class MetricPoint(BaseModel):
    key: str
    value: float | str
    timestamp: int | None = None
    step: int = 0


class Pair(BaseModel):
    key: str
    value: str


class LogMetric(OfRun, MetricPoint):
    pass


class LogPair(OfRun, Pair):
    pass


class LogBatch(OfRun):
    metrics: list[MetricPoint] = Field(default_factory=list)
    params: list[Pair] = Field(default_factory=list)
    tags: list[Pair] = Field(default_factory=list)


class SearchRuns(BaseModel):
    experiment_ids: list[str] = Field(default_factory=list)
    filter: str = ""
    max_results: int = Field(default=1000, ge=1, le=50000)


async def get_run(azure: Azure, workspace: Workspace, run_id: str = "", run_uuid: str = "") -> Document:
    return {"run": _describe(azure, workspace, _find(azure, workspace, run_id or run_uuid))}


async def update_run(azure: Azure, workspace: Workspace, body: OfRun) -> Document:
    """MLflow says that the run began or ended. Azure goes by the job's process, and so does this."""
    return {"run_info": _info(workspace, _find(azure, workspace, body.run))}


async def log_metric(azure: Azure, workspace: Workspace, body: LogMetric) -> Document:
    _log_points(azure, _find(azure, workspace, body.run), [body])
    return {}


async def log_parameter(azure: Azure, workspace: Workspace, body: LogPair) -> Document:
    metrics.log_parameter(azure, _find(azure, workspace, body.run), name=body.key, value=body.value)
    return {}


async def set_tag(azure: Azure, workspace: Workspace, body: LogPair) -> Document:
    metrics.tag(azure, _find(azure, workspace, body.run), name=body.key, value=body.value)
    return {}


async def log_batch(azure: Azure, workspace: Workspace, body: LogBatch) -> Document:
    run = _find(azure, workspace, body.run)
    with azure.store.transaction():
        _log_points(azure, run, body.metrics)
        for each in body.params:
            metrics.log_parameter(azure, run, name=each.key, value=each.value)
        for each in body.tags:
            metrics.tag(azure, run, name=each.key, value=each.value)
    return {}


async def get_history(
    azure: Azure, workspace: Workspace, metric_key: str, run_id: str = "", run_uuid: str = ""
) -> Document:
    run = _find(azure, workspace, run_id or run_uuid)
    points = metrics.history(azure, run, metric_key)
    return {"metrics": [_point(metric_key, each) for each in points]}


async def search_runs(azure: Azure, workspace: Workspace, body: SearchRuns) -> Document:
    """The runs of experiments, newest first. Filters are not emulated: they are refused rather than passed over."""
    if body.filter:
        raise BadRequest("Filtering runs is not emulated.", code="INVALID_PARAMETER_VALUE")
    found = [
        run
        for run in reversed(runs.all_of(azure, workspace["name"]))
        if runs.experiment_id(workspace["name"], run["experiment"]) in body.experiment_ids
    ]
    return {"runs": [_describe(azure, workspace, run) for run in found[: body.max_results]]}


async def get_experiment(azure: Azure, workspace: Workspace, experiment_id: str = Query(...)) -> Document:
    for run in runs.all_of(azure, workspace["name"]):
        if runs.experiment_id(workspace["name"], run["experiment"]) == experiment_id:
            return {"experiment": _experiment(workspace, run["experiment"])}
    raise NotFound(f"Experiment {experiment_id} was not found.", code="RESOURCE_DOES_NOT_EXIST")


async def get_experiment_by_name(azure: Azure, workspace: Workspace, experiment_name: str) -> Document:
    if any(run["experiment"] == experiment_name for run in runs.all_of(azure, workspace["name"])):
        return {"experiment": _experiment(workspace, experiment_name)}
    raise NotFound(f"Experiment {experiment_name} was not found.", code="RESOURCE_DOES_NOT_EXIST")


async def refuse_run() -> None:
    """There is no run without a job here."""
    raise BadRequest(
        "Runs are made by submitting jobs: creating one through MLflow is not emulated.", code="NOT_IMPLEMENTED"
    )


for _base in _BASES:
    for _path, _method, _answer in (
        ("runs/get", "GET", get_run),
        ("runs/update", "POST", update_run),
        ("runs/log-metric", "POST", log_metric),
        ("runs/log-parameter", "POST", log_parameter),
        ("runs/set-tag", "POST", set_tag),
        ("runs/log-batch", "POST", log_batch),
        ("runs/search", "POST", search_runs),
        ("runs/create", "POST", refuse_run),
        ("metrics/get-history", "GET", get_history),
        ("experiments/get", "GET", get_experiment),
        ("experiments/get-by-name", "GET", get_experiment_by_name),
    ):
        router.add_api_route(f"{_base}/{_path}", _answer, methods=[_method])


def _find(azure: Emulator, workspace: Document, name: str) -> Document:
    run = azure.store.get("workspaces", workspace["name"], "jobs", name) if name else None
    if run is None:
        raise NotFound(f"Run '{name}' was not found.", code="RESOURCE_DOES_NOT_EXIST")
    return run


def _log_points(azure: Emulator, run: Document, points: list[Any]) -> None:
    for each in points:
        metrics.log(azure, run, name=each.key, value=each.value, step=each.step, timestamp=each.timestamp)


def _describe(azure: Emulator, workspace: Document, run: Document) -> Document:
    tags = {
        **run["tags"],
        "mlflow.runName": run["displayName"],
        "mlflow.rootRunId": run["root"],
        **({"mlflow.parentRunId": run["parent"]} if run["parent"] else {}),
    }
    return {
        "info": _info(workspace, run),
        "data": {
            "metrics": [_point(name, each) for name, each in metrics.last(azure, run).items()],
            "params": [{"key": key, "value": value} for key, value in metrics.parameters(azure, run).items()],
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        },
        "inputs": {"dataset_inputs": []},
    }


def _info(workspace: Document, run: Document) -> Document:
    return {
        "run_id": run["name"],
        "run_uuid": run["name"],
        "run_name": run["displayName"],
        "experiment_id": runs.experiment_id(workspace["name"], run["experiment"]),
        "user_id": run["systemData"]["createdBy"],
        "status": _STATUSES.get(Status(run["status"]), "RUNNING"),
        "start_time": _milliseconds(run["started"] or run["created"]),
        "end_time": _milliseconds(run["ended"]),
        "artifact_uri": (
            f"azureml://subscriptions/{workspace['subscription']}/resourcegroups/{workspace['group']}"
            f"/workspaces/{workspace['name']}/datastores/{ARTIFACT_STORE}/paths/ExperimentRun/dcid.{run['name']}"
        ),
        "lifecycle_stage": "active",
    }


def _experiment(workspace: Document, name: str) -> Document:
    return {
        "experiment_id": runs.experiment_id(workspace["name"], name),
        "name": name,
        "artifact_location": "",
        "lifecycle_stage": "active",
        "tags": [],
    }


def _point(name: str, point: Document) -> Document:
    return {"key": name, **point, "value": metrics.plain(point["value"])}


def _milliseconds(time: str | None) -> int | None:
    return None if time is None else int(datetime.fromisoformat(time).timestamp() * 1000)
