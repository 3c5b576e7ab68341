"""What a run logged: metrics and times, read over the MLflow tracking API that every workspace has."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from app.azureml.facade import AzureML
from app.azureml.translation import translated
from app.azureml.types import RunRecord
from app.planning.places import Place


def read_run(azure: AzureML, workspace: Place, run: str) -> RunRecord:
    """The record of one run: of a job, or of a step of it. Raises NotFound."""
    doing = f"read what run {run} logged"
    with azure.connect(workspace, doing=doing) as client:
        tracking = str(client.workspaces.get(workspace.workspace).mlflow_tracking_uri)
    address = tracking.replace("azureml://", "https://", 1).rstrip("/")
    found = azure.get_json(f"{address}/api/2.0/mlflow/runs/get?run_id={run}", doing=doing)
    with translated(doing):
        return _record(found["run"])


def _record(run: Mapping[str, Any]) -> RunRecord:
    info: dict[str, Any] = run.get("info", {})
    metrics: list[dict[str, Any]] = run.get("data", {}).get("metrics", [])
    return RunRecord(
        metrics={str(each["key"]): _number(each.get("value")) for each in metrics},
        started_at=_moment(info.get("start_time")),
        ended_at=_moment(info.get("end_time")),
    )


def _number(value: Any) -> float | str:
    """MLflow's proto JSON writes a number as a number or as text; what is neither is shown as it came."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return str(value)


def _moment(milliseconds: int | str | None) -> datetime | None:
    """None also for a moment that no calendar has."""
    try:
        return datetime.fromtimestamp(int(milliseconds) / 1000, tz=UTC) if milliseconds else None
    except (TypeError, ValueError, OverflowError, OSError):
        return None
