"""Metrics of an endpoint as Azure Monitor may answer them, well or not. Against real requests: ``tests/emulator/online``."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.azureml.errors import AzureMLError, Unavailable
from app.azureml.facade import AzureML
from app.azureml.metrics import LatencyMinute, RequestMinute, read_latencies, read_requests
from tests.azureml.fixtures import DEV

MINUTE = datetime(2026, 11, 26, 10, tzinfo=UTC)
SPAN = {"since": MINUTE, "until": MINUTE + timedelta(minutes=5)}

Answer = dict[str, Any]


def metric(name: str, *series: Answer, **more: Any) -> Answer:
    return {"name": {"value": name}, "unit": "Count", "errorCode": "Success", "timeseries": list(series), **more}


def series(*points: Answer, **dimensions: str) -> Answer:
    names = [{"name": {"value": name}, "value": value} for name, value in dimensions.items()]
    return {"metadatavalues": names, "data": list(points)}


def point(minute: int, average: Any = None) -> Answer:
    at = (MINUTE + timedelta(minutes=minute)).isoformat().replace("+00:00", "Z")
    return {"timeStamp": at} if average is None else {"timeStamp": at, "average": average}


@pytest.fixture
def asked(azure: AzureML, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Gives what the test says, and keeps the addresses that were asked."""

    class Asked:
        def __init__(self) -> None:
            self.urls: list[str] = []
            self.answer: Any = None

        def requests(self, answer: Any) -> list[RequestMinute]:
            self.answer = answer
            return read_requests(azure, DEV, "churn-dev", **SPAN)

        def latencies(self, answer: Any) -> list[LatencyMinute]:
            self.answer = answer
            return read_latencies(azure, DEV, "churn-dev", **SPAN)

    given = Asked()

    def get_json(_azure: AzureML, url: str, *, doing: str) -> Any:
        given.urls.append(f"{doing} {url}")
        return given.answer

    monkeypatch.setattr(AzureML, "get_json", get_json)
    return given


def test_minutes_without_a_measurement_are_missing_and_zeros_say_nothing(asked: Any) -> None:
    blue = series(point(0, 12.0), point(1), point(2, 0), deployment="Blue", statuscode="200", modelstatuscode="200")

    assert asked.requests({"value": [metric("RequestsPerMinute", blue)]}) == [RequestMinute(MINUTE, "blue", 200, 12)]


def test_statuses_that_are_none_are_not_made_up(asked: Any) -> None:
    odd = [
        series(point(0, 1), deployment="blue", statuscode="424", modelstatuscode="Unknown"),
        series(point(0, 2), deployment="blue", statuscode="429"),
        series(point(0, 3), deployment="blue", statuscode="", modelstatuscode="200"),
    ]

    found = asked.requests({"value": [metric("RequestsPerMinute", *odd)]})

    assert [(each.status, each.requests) for each in found] == [(424, 1), (429, 2)]


def test_percentiles_of_a_minute_come_together(asked: Any) -> None:
    values = [
        metric("RequestLatency_P50", series(point(0, 10.5), deployment="blue")),
        metric("RequestLatency_P95", series(point(0, 99), point(1), deployment="BLUE")),
        metric("SomethingNew", series(point(0, 1), deployment="blue")),
    ]

    assert asked.latencies({"value": values}) == [LatencyMinute(MINUTE, "blue", p50=10.5, p95=99.0)]


def test_no_more_series_are_left_out_than_azure_would_give(asked: Any) -> None:
    asked.requests({"value": []})

    [url] = asked.urls
    assert "top=1000" in url
    assert "modelStatusCode" not in url  # what never reached the model has none, and would be left out
    assert "timespan=2026-11-26T10%3A00%3A00Z%2F2026-11-26T10%3A05%3A00Z" in url
    assert "/onlineEndpoints/churn-dev/providers/Microsoft.Insights/metrics?" in url


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"value": None},
        {"value": [{}]},
        {"value": [metric("RequestsPerMinute", errorCode="Throttled")]},
        {"value": [metric("RequestsPerMinute", {"data": "x"})]},
        {"value": [metric("RequestsPerMinute", {"metadatavalues": [{"name": None}], "data": []})]},
        {"value": [metric("RequestsPerMinute", series(point(0, "12"), deployment="a", statuscode="200"))]},
        {"value": [metric("RequestsPerMinute", series(point(0, float("nan")), deployment="a", statuscode="200"))]},
        {"value": [metric("RequestsPerMinute", series(point(0, -1), deployment="a", statuscode="200"))]},
        {"value": [metric("RequestsPerMinute", series(point(0, True), deployment="a", statuscode="200"))]},
        {"value": [metric("RequestsPerMinute", series({"timeStamp": "soon", "average": 1}))]},
        {"value": [metric("RequestsPerMinute", series(*[point(0)] * 200_001))]},
    ],
)
def test_answer_that_is_none_is_worth_another_try_and_no_measurement(asked: Any, answer: Any) -> None:
    with pytest.raises(AzureMLError) as unreadable:
        asked.requests(answer)

    assert isinstance(unreadable.value, Unavailable)
    assert "churn-dev" in unreadable.value.sentence
