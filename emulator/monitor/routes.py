"""``Microsoft.Insights/metrics`` and ``metricDefinitions`` of an online endpoint, as ``azure-mgmt-monitor`` asks for them.

What nobody outside Microsoft knows is a switch: how long a minute takes to be there, whether a minute without requests is a zero, whether
mirrored requests count for the shadow.
"""

import re
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Query

from emulator.errors import BadRequest
from emulator.monitor.catalogue import (
    AGGREGATION,
    GRAINS,
    METRICS,
    NAMESPACE,
    Metric,
    check_aggregation,
    check_namespace,
    find_grain,
    find_metrics,
)
from emulator.monitor.filters import parse_filter
from emulator.monitor.series import Series, series_of, times
from emulator.online import records, runtime
from emulator.online.endpoints import ENDPOINT
from emulator.online.metrics import Shown, set_shown, shown
from emulator.state import Azure
from emulator.store import Document
from emulator.workspaces import Workspace

router = APIRouter()

INSIGHTS = ENDPOINT + "/providers/Microsoft.Insights"
DEFAULT_TOP = 10  # series; more are dropped without a word, where there is a filter
LONGEST = timedelta(days=30)
RETENTION = "P93D"


@router.get(INSIGHTS + "/metrics")
async def list_metrics(
    azure: Azure,
    workspace: Workspace,
    endpoint: str,
    timespan: str | None = None,
    interval: str | None = None,
    metricnames: str | None = None,
    metricnamespace: str | None = None,
    aggregation: str | None = None,
    top: Annotated[int, Query(ge=1)] = DEFAULT_TOP,
    orderby: str | None = None,
    filter_: Annotated[str | None, Query(alias="$filter")] = None,
    result_type: Annotated[str | None, Query(alias="resultType")] = None,
) -> Document:
    """The values, minute by minute. A minute in which nothing was measured is a point without a value."""
    document = records.require_endpoint(azure, workspace["name"], endpoint)
    check_namespace(metricnamespace)
    check_aggregation(aggregation)
    grain, metrics = find_grain(interval), find_metrics(metricnames)
    since, until = _span(timespan)
    common = set.intersection(*(set(metric.dimensions) for metric in metrics))
    wanted = parse_filter(filter_, dimensions=[each for each in metrics[0].dimensions if each in common])
    rules = shown(azure.store)
    minutes = runtime.of(azure).metrics.minutes(
        workspace["name"], endpoint, since=since, until=min(until, time.time() - rules.delay_seconds)
    )
    value = []
    for metric in metrics:
        found = _first(series_of(metric, minutes, wanted, grain=grain), top=top if wanted else None, orderby=orderby)
        filled = [_as_series(each, times(since, until, grain=grain), zeros=rules.zeros) for each in found]
        if (result_type or "").lower() == "metadata":
            filled = [{"metadatavalues": each["metadatavalues"]} for each in filled]
        value.append(_as_metric(metric, filled, resource=records.endpoint_id(workspace, document["name"])))
    return {
        "cost": 0,
        "timespan": f"{_moment(since)}/{_moment(until)}",
        "interval": next(name for name, seconds in GRAINS.items() if seconds == grain),
        "namespace": NAMESPACE,
        "resourceregion": document["location"],
        "value": value,
    }


@router.get(INSIGHTS + "/metricDefinitions")
async def list_definitions(
    azure: Azure, workspace: Workspace, endpoint: str, metricnamespace: str | None = None
) -> Document:
    """Which metrics there are."""
    document = records.require_endpoint(azure, workspace["name"], endpoint)
    check_namespace(metricnamespace)
    resource = records.endpoint_id(workspace, document["name"])
    return {"value": [_as_definition(each, resource=resource) for each in METRICS]}


control = APIRouter(prefix="/emulator/v1")


@control.get("/metrics")
async def get_shown(azure: Azure) -> Shown:
    return shown(azure.store)


@control.put("/metrics")
async def put_shown(azure: Azure, wanted: Shown) -> Shown:
    """What Azure Monitor makes of requests from now on; what is left out falls back to its default."""
    set_shown(azure.store, wanted)
    return wanted


router.include_router(control)


def _first(found: list[Series], *, top: int | None, orderby: str | None) -> list[Series]:
    if orderby is not None:
        match = re.fullmatch(r"\s*average(\s+(asc|desc))?\s*", orderby, re.IGNORECASE)
        if match is None:
            raise BadRequest(
                f"Invalid orderby: {orderby}. It is an aggregation with asc or desc, such as 'average desc'."
            )
        down = (match[2] or "asc").lower() == "desc"
        found = sorted(found, key=lambda each: sum(each.points.values()) / len(each.points), reverse=down)
    return found if top is None else found[:top]


def _span(timespan: str | None) -> tuple[int, int]:
    """From and until, in seconds since 1970; the last hour where nothing is said. Raises BadRequest."""
    if timespan is None:
        now = int(time.time())
        return now - 3600, now
    wrong = BadRequest(
        f"Invalid time span: {timespan}. It is START/END in ISO 8601, of at most {LONGEST.days} days, as in "
        "2026-11-26T10:00:00Z/2026-11-26T11:00:00Z."
    )
    begins, _, ends = timespan.partition("/")
    try:
        since, until = _parse(begins), _parse(ends)
    except ValueError:
        raise wrong from None
    if since >= until or until - since > LONGEST:
        raise wrong
    return int(since.timestamp()), int(until.timestamp())


def _parse(written: str) -> datetime:
    moment = datetime.fromisoformat(written.strip())
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _moment(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _as_series(series: Series, beginnings: Iterable[int], *, zeros: bool) -> Document:
    data: list[Document] = []
    for begins in beginnings:
        value = series.points.get(begins, 0.0 if zeros else None)
        data.append({"timeStamp": _moment(begins), **({} if value is None else {AGGREGATION.lower(): value})})
    # Azure gives a dimension's name back in lower case.
    names = [
        {"name": {"value": name.lower(), "localizedValue": name.lower()}, "value": value} for name, value in series.key
    ]
    return {"metadatavalues": names, "data": data}


def _as_metric(metric: Metric, series: list[Document], *, resource: str) -> Document:
    return {
        "id": f"{resource}/providers/Microsoft.Insights/metrics/{metric.name}",
        "type": "Microsoft.Insights/metrics",
        "name": {"value": metric.name, "localizedValue": metric.label},
        "displayDescription": metric.label,
        "unit": metric.unit,
        "errorCode": "Success",
        "timeseries": series,
    }


def _as_definition(metric: Metric, *, resource: str) -> Document:
    return {
        "id": f"{resource}/providers/Microsoft.Insights/metricDefinitions/{metric.name}",
        "resourceId": resource,
        "namespace": NAMESPACE,
        "name": {"value": metric.name, "localizedValue": metric.label},
        "isDimensionRequired": False,
        "unit": metric.unit,
        "primaryAggregationType": AGGREGATION,
        "supportedAggregationTypes": [AGGREGATION],
        "metricAvailabilities": [{"timeGrain": name, "retention": RETENTION} for name in GRAINS],
        "dimensions": [{"value": name, "localizedValue": name} for name in metric.dimensions],
    }
