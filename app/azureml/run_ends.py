"""Why a run ended as it did: what the run history says of it, and the end of the log that its program wrote."""

import re
import time
from collections.abc import Mapping
from typing import Any

from azure.storage.blob import BlobClient

from app.azureml.errors import NotFound, TimedOut
from app.azureml.facade import AzureML
from app.azureml.translation import translated
from app.azureml.types import RunEnd
from app.planning.places import Place

MOST_BYTES = 256 * 1024  # of a log's end, whatever its size
MOST_SECONDS = 30.0  # for a log's end; then what there is must do without it
_CHUNK = 64 * 1024
_READ_SECONDS = 10.0  # without a byte

_TRACKING = re.compile(r"/mlflow/v[\d.]+/")
# The best first: what the program wrote; then that of the image's build, of the older runtime, and of a pipeline itself.
_LOGS = (
    re.compile(r"user_logs/std_log(_process_0|[^/]*(rank_0|worker_0))?\.txt"),
    re.compile(r"user_logs/.*"),
    re.compile(r"azureml-logs/70_driver_log.*"),
    re.compile(r"azureml-logs/.*"),
    re.compile(r"logs/azureml/executionlogs\.txt"),
    re.compile(r"logs/azureml/.*"),
)


def read_run_end(azure: AzureML, workspace: Place, run: str) -> RunEnd:
    """Azure's own words for a run's end, and where its logs are. Raises AzureMLError."""
    doing = f"read why run {run} ended"
    with azure.connect(workspace, doing=doing) as client:
        tracking = str(client.workspaces.get(workspace.workspace).mlflow_tracking_uri)
    history = _TRACKING.sub("/history/v1.0/", tracking.replace("azureml://", "https://", 1), count=1).rstrip("/")
    details = azure.get_json(f"{history}/runs/{run}/details", doing=doing)
    with translated(doing):
        error = ((details.get("error") or {}).get("error") or {}).get("message")
        logs = {str(name): str(address) for name, address in (details.get("logFiles") or {}).items()}
    return RunEnd(said=str(error) if error else None, logs=logs)


def read_log(azure: AzureML, logs: Mapping[str, str], *, run: str) -> tuple[str, str]:
    """The name and the last ``MOST_BYTES`` of the log that says most. Raises NotFound when there is none, and AzureMLError."""
    name = _most_telling(logs)
    doing = f"read the log of run {run}"
    if name is None:
        raise NotFound(f"Could not {doing}: Azure ML has none.")
    with translated(doing):
        return name, _end_of(azure, logs[name], doing=doing).decode("utf-8", errors="replace")


def _most_telling(logs: Mapping[str, str]) -> str | None:
    for pattern in _LOGS:
        found = sorted(name for name in logs if pattern.fullmatch(name))
        if found:
            return found[0]
    return None


def _end_of(azure: AzureML, address: str, *, doing: str) -> bytes:
    """By the storage's own client: it asks for a range, so that a log of any size costs the same."""
    limits: dict[str, Any] = {
        "max_single_get_size": _CHUNK,
        "max_chunk_get_size": _CHUNK,
        "retry_total": azure.settings.retries,
        "connection_timeout": azure.settings.connect_seconds,
        "read_timeout": min(azure.settings.read_seconds, _READ_SECONDS),
    }
    until = time.monotonic() + MOST_SECONDS
    with BlobClient.from_blob_url(address, **limits) as blob:  # the address has a signature: no token goes there
        size = blob.get_blob_properties().size
        if size == 0:
            return b""
        begin = max(0, size - MOST_BYTES)
        read = b""
        for chunk in blob.download_blob(offset=begin, length=size - begin).chunks():
            if time.monotonic() > until:
                raise TimedOut(f"Could not {doing}: it takes longer than {MOST_SECONDS:.0f} seconds.")
            read += chunk
        return read
