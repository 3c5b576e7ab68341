"""Metrics for the run history, by MLflow: the library where it is installed, else its REST protocol.

Azure ML sets ``MLFLOW_TRACKING_URI`` and ``MLFLOW_RUN_ID`` for every step, and ``AZUREML_ROOT_RUN_ID`` for the steps of
a pipeline. Metrics go to the step and to the pipeline job, which is where a release looks. Without a tracking server
they are not sent anywhere.
"""

import json
import os
import ssl
import time
import urllib.request
from collections.abc import Mapping
from importlib.util import find_spec


def log_metrics(metrics: Mapping[str, float]) -> None:
    """Send the metrics to this run, and to the pipeline job that it is part of."""
    server, run = os.environ.get("MLFLOW_TRACKING_URI"), os.environ.get("MLFLOW_RUN_ID")
    if not server or not run:
        return
    # A dict keeps the order and drops the root where the step is its own root.
    runs = dict.fromkeys([run, os.environ.get("AZUREML_ROOT_RUN_ID", run)])
    for run_id in runs:
        if find_spec("mlflow"):
            _log_by_library(run_id, metrics)
        else:
            _log_by_rest(server, run_id, metrics)


def _log_by_library(run_id: str, metrics: Mapping[str, float]) -> None:
    import mlflow  # heavy, and not installed everywhere

    now = int(time.time() * 1000)
    entries = [mlflow.entities.Metric(name, float(value), now, 0) for name, value in metrics.items()]
    mlflow.MlflowClient().log_batch(run_id, metrics=entries)


def _log_by_rest(server: str, run_id: str, metrics: Mapping[str, float]) -> None:
    """POST to ``runs/log-batch``, MLflow REST API 2.0."""
    if not server.startswith(("http://", "https://")):
        raise RuntimeError(f"the tracking server {server} needs the packages mlflow-skinny and azureml-mlflow")
    now = int(time.time() * 1000)
    entries = [{"key": name, "value": float(value), "timestamp": now, "step": 0} for name, value in metrics.items()]
    headers = {"Content-Type": "application/json"}
    if token := os.environ.get("MLFLOW_TRACKING_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(  # noqa: S310 - the scheme is checked above
        f"{server.rstrip('/')}/api/2.0/mlflow/runs/log-batch",
        data=json.dumps({"run_id": run_id, "metrics": entries}).encode(),
        headers=headers,
        method="POST",
    )
    trusted = ssl.create_default_context(cafile=os.environ.get("REQUESTS_CA_BUNDLE"))
    with urllib.request.urlopen(request, timeout=30, context=trusted):  # noqa: S310 - as above
        pass
