"""The metrics that there are, with their units and dimensions.

Source: Microsoft, "Supported metrics for Microsoft.MachineLearningServices/workspaces/onlineEndpoints" (2026-07-13), which lists the
aggregation Average alone for them.
"""

from dataclasses import dataclass

from emulator.errors import BadRequest

NAMESPACE = "Microsoft.MachineLearningServices/workspaces/onlineEndpoints"
AGGREGATION = "Average"


@dataclass(frozen=True)
class Metric:
    """``share``: of the requests that were no slower than a latency, where it is a percentile."""

    name: str
    label: str
    unit: str
    dimensions: tuple[str, ...]
    share: float | None = None


_LATENCY = ("deployment",)
METRICS = (
    Metric(
        "RequestsPerMinute",
        "Requests Per Minute",
        "Count",
        ("deployment", "statusCode", "statusCodeClass", "modelStatusCode"),
    ),
    Metric("RequestLatency", "Request Latency", "Milliseconds", _LATENCY),
    Metric("RequestLatency_P50", "Request Latency P50", "Milliseconds", _LATENCY, share=0.5),
    Metric("RequestLatency_P90", "Request Latency P90", "Milliseconds", _LATENCY, share=0.9),
    Metric("RequestLatency_P95", "Request Latency P95", "Milliseconds", _LATENCY, share=0.95),
    Metric("RequestLatency_P99", "Request Latency P99", "Milliseconds", _LATENCY, share=0.99),
)

# Grains that Azure Monitor adds minutes up to, in seconds.
GRAINS = {
    "PT1M": 60,
    "PT5M": 300,
    "PT15M": 900,
    "PT30M": 1800,
    "PT1H": 3600,
    "PT6H": 21_600,
    "PT12H": 43_200,
    "P1D": 86_400,
}


def check_namespace(namespace: str | None) -> None:
    """Raises BadRequest."""
    if namespace is not None and namespace.lower() != NAMESPACE.lower():
        raise BadRequest(
            f"Metric namespace: {namespace} is not a valid metric namespace of this resource. Valid: {NAMESPACE}."
        )


def find_metrics(names: str | None) -> list[Metric]:
    """By their names, joined by commas; the first one where none is named. Raises BadRequest."""
    known = {metric.name.lower(): metric for metric in METRICS}
    wanted = [name.strip() for name in (names or METRICS[0].name).split(",")]
    unknown = [name for name in wanted if name.lower() not in known]
    if unknown:
        raise BadRequest(
            f"Failed to find metric configuration for provider: Microsoft.MachineLearningServices, resource Type: "
            f"workspaces/onlineEndpoints, metric: {', '.join(unknown)}, Valid metrics: {','.join(m.name for m in METRICS)}"
        )
    return [known[name.lower()] for name in dict.fromkeys(wanted)]


def check_aggregation(wanted: str | None) -> None:
    """Raises BadRequest for one that these metrics are not listed with."""
    others = [each for each in (wanted or AGGREGATION).split(",") if each.strip().lower() != AGGREGATION.lower()]
    if others:
        raise BadRequest(
            f"Invalid aggregation type requested: {', '.join(others)}. Supported aggregations: {AGGREGATION}."
        )


def find_grain(interval: str | None) -> int:
    """In seconds. Raises BadRequest."""
    grain = GRAINS.get((interval or "PT1M").upper())
    if grain is None:
        raise BadRequest(f"Detected invalid time grain input: {interval}. Supported time grains: {', '.join(GRAINS)}.")
    return grain
