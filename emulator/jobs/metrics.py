"""What a run's own code tells about it: metrics with their history, parameters, tags."""

import math
import time
from typing import Any

from emulator.errors import BadRequest
from emulator.jobs import runs
from emulator.state import Emulator
from emulator.store import Document


def log(azure: Emulator, run: Document, *, name: str, value: Any, step: int = 0, timestamp: int | None = None) -> None:
    """Add a point to a metric. ``timestamp`` in milliseconds since 1970."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise BadRequest(f"The value of metric '{name}' is not a number: {value!r}.", code="UserError") from None
    point = {"value": number, "step": int(step), "timestamp": int(timestamp or time.time() * 1000)}
    with azure.store.transaction():
        points = history(azure, run, name)
        azure.store.put(*_path(run, "metrics", name), body={"name": name, "points": [*points, point]})


def history(azure: Emulator, run: Document, name: str) -> list[Document]:
    """The points of a metric, in the order in which they were logged."""
    found = azure.store.get(*_path(run, "metrics", name))
    return [] if found is None else list(found["points"])


def names(azure: Emulator, run: Document) -> list[str]:
    """The names of a run's metrics, in the order in which they first came."""
    return [
        each["name"] for each in azure.store.children("workspaces", run["workspace"], "jobs", run["name"], "metrics")
    ]


def last(azure: Emulator, run: Document) -> dict[str, Document]:
    """The newest point of every metric."""
    return {
        each["name"]: max(each["points"], key=lambda point: (point["step"], point["timestamp"]))
        for each in azure.store.children("workspaces", run["workspace"], "jobs", run["name"], "metrics")
    }


def log_parameter(azure: Emulator, run: Document, *, name: str, value: str) -> None:
    """Record a parameter; it cannot be changed afterwards."""
    with azure.store.transaction():
        before = azure.store.get(*_path(run, "parameters", name))
        if before is not None and before["value"] != value:
            raise BadRequest(
                f"Parameter '{name}' of run {run['name']} is '{before['value']}' and cannot be changed to '{value}'.",
                code="INVALID_PARAMETER_VALUE",
            )
        azure.store.put(*_path(run, "parameters", name), body={"name": name, "value": value})


def parameters(azure: Emulator, run: Document) -> dict[str, str]:
    found = azure.store.children("workspaces", run["workspace"], "jobs", run["name"], "parameters")
    return {each["name"]: each["value"] for each in found}


def tag(azure: Emulator, run: Document, *, name: str, value: str) -> None:
    with azure.store.transaction():
        tags = runs.find(azure, run["workspace"], run["name"])["tags"]
        runs.note(azure, run["workspace"], run["name"], tags={**tags, name: value})


def plain(value: float) -> float | str:
    """A number as JSON can hold it."""
    return value if math.isfinite(value) else {math.inf: "Infinity", -math.inf: "-Infinity"}.get(value, "NaN")


def _path(run: Document, kind: str, name: str) -> tuple[str, ...]:
    if not name:
        raise BadRequest("A name is required.", code="UserError")
    # The store compares names without case, and these differ by it.
    return ("workspaces", run["workspace"], "jobs", run["name"], kind, name.encode().hex())
