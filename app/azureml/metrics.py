"""What Azure Monitor measured at an endpoint, minute by minute: requests by deployment and status, and latencies by deployment.

Asked over the control plane, which takes the least right: ``Microsoft.Insights/metrics/read`` at the endpoint. Only the grain of a minute and
the aggregation Average are listed for these metrics; a minute's average is its number of requests. The newest minutes are not complete.

A minute without a measurement is missing here, not zero: nobody outside Microsoft knows which of both Azure writes.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from app.azureml.errors import Unavailable
from app.azureml.facade import AzureML
from app.azureml.types import FromAzure
from app.planning.places import Place

NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
PERCENTILES = ("p50", "p90", "p95", "p99")

_REQUESTS = "RequestsPerMinute"
_API_VERSION = "2024-02-01"
_TOP = 1000  # series: left to itself Azure gives ten, and drops the others without a word
_MOST_POINTS = 200_000  # of all series: a day by the minute of a hundred of them is 144,000


@dataclass(frozen=True)
class RequestMinute(FromAzure):
    """Requests to one deployment in one minute that were answered with the same status."""

    begins_at: datetime
    deployment: str  # in lower case
    status: int  # what callers got
    requests: int


@dataclass(frozen=True)
class LatencyMinute(FromAzure):
    """Milliseconds that a share of one deployment's requests took at most in one minute; None: not measured."""

    begins_at: datetime
    deployment: str  # in lower case
    p50: float | None = None
    p90: float | None = None
    p95: float | None = None
    p99: float | None = None


def read_requests(
    azure: AzureML, workspace: Place, endpoint: str, *, since: datetime, until: datetime
) -> list[RequestMinute]:
    """The minutes that begin from ``since`` on and before ``until``, the oldest first. Raises NotPermitted, NotFound, Unavailable.

    Not split by what the model answered: what never reached it, as a timeout, has no such status and would be missing.
    """
    wanted = " and ".join(f"{name} eq '*'" for name in ("deployment", "statusCode"))
    asked = _ask(azure, workspace, endpoint, _REQUESTS, wanted, since=since, until=until)
    found = []
    for _, dimensions, begins_at, value in _points(asked, endpoint):
        status = _number(dimensions.get("statuscode"))
        requests = round(value)
        if status is not None and requests > 0:
            name = dimensions.get("deployment", "").lower()
            found.append(RequestMinute(begins_at, name, status, requests))
    return sorted(found, key=lambda each: (each.begins_at, each.deployment, each.status))


def read_latencies(
    azure: AzureML, workspace: Place, endpoint: str, *, since: datetime, until: datetime
) -> list[LatencyMinute]:
    """As ``read_requests``. Of a minute with few requests a percentile is that of a few requests."""
    names = {f"RequestLatency_{each.upper()}": each for each in PERCENTILES}
    asked = _ask(azure, workspace, endpoint, ",".join(names), "deployment eq '*'", since=since, until=until)
    found: dict[tuple[datetime, str], dict[str, float]] = {}
    for metric, dimensions, begins_at, value in _points(asked, endpoint):
        percentile = names.get(metric)
        if percentile is not None:
            key = begins_at, dimensions.get("deployment", "").lower()
            found.setdefault(key, {})[percentile] = value
    return [LatencyMinute(begins_at, name, **values) for (begins_at, name), values in sorted(found.items())]


def _ask(
    azure: AzureML, workspace: Place, endpoint: str, names: str, wanted: str, *, since: datetime, until: datetime
) -> Any:
    query = {
        "api-version": _API_VERSION,
        "metricnamespace": NAMESPACE,
        "metricnames": names,
        "timespan": f"{_written(since)}/{_written(until)}",
        "interval": "PT1M",
        "aggregation": "average",
        "top": str(_TOP),
        "$filter": wanted,
    }
    root = azure.settings.resource_manager.rstrip("/")
    resource = f"{workspace.arm_id}/onlineEndpoints/{endpoint}"
    url = f"{root}{resource}/providers/Microsoft.Insights/metrics?{urlencode(query)}"
    return azure.get_json(url, doing=f"read the metrics of endpoint {endpoint} in {workspace}")


def _points(answer: Any, endpoint: str) -> Iterator[tuple[str, dict[str, str], datetime, float]]:
    """Metric, dimensions (names in lower case, as Azure gives them back), minute and value. Raises Unavailable for any other answer."""
    try:
        seen = 0
        for metric in answer["value"]:
            if metric.get("errorCode", "Success") != "Success":  # beside HTTP 200
                raise Unavailable(
                    f"Azure Monitor could not read {metric['name']['value']} of {endpoint}: {metric['errorCode']}."
                )
            for series in metric["timeseries"]:
                dimensions = {
                    str(each["name"]["value"]).lower(): str(each["value"])
                    for each in series.get("metadatavalues") or ()
                }
                for point in series.get("data") or ():
                    seen += 1
                    if seen > _MOST_POINTS:
                        raise Unavailable(f"Azure Monitor gave more than {_MOST_POINTS} values for {endpoint}.")
                    value = point.get("average")
                    if value is not None:
                        yield str(metric["name"]["value"]), dimensions, _moment(point["timeStamp"]), _finite(value)
    except (KeyError, TypeError, AttributeError, ValueError, OverflowError) as odd:
        raise Unavailable(f"Azure Monitor's metrics of {endpoint} cannot be read: {type(odd).__name__} {odd}.") from odd


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _moment(written: Any) -> datetime:
    moment = datetime.fromisoformat(str(written))
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _finite(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{value!r} is no measurement")
    return float(value)


def _number(written: str | None) -> int | None:
    """A status. What is none, such as nothing at all, Azure does not know."""
    return (
        int(written) if written is not None and written.isascii() and written.isdecimal() and len(written) < 4 else None
    )
