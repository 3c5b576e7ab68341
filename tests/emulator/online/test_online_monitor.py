"""Azure Monitor's metrics of an endpoint, asked for by the unmodified ``azure-mgmt-monitor``."""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity import DefaultAzureCredential
from azure.mgmt.monitor import MonitorManagementClient

from app.azureml.client import AzureSettings
from app.azureml.errors import NotFound
from app.azureml.facade import open_azure
from app.azureml.metrics import read_latencies, read_requests
from app.planning.places import Place
from emulator.errors import BadRequest
from emulator.monitor.catalogue import METRICS
from emulator.monitor.filters import parse_filter
from emulator.monitor.series import series_of
from emulator.online.metrics import Metrics, Shown
from emulator.store import Store
from tests.emulator.conftest import SUBSCRIPTION
from tests.emulator.running import RunningEmulator
from tests.waiting import wait_until

from .rest import Rest, workspace_id

REQUESTS, LATENCY, P95 = METRICS[0], METRICS[1], METRICS[4]
DIMENSIONS = REQUESTS.dimensions
SPLIT = "deployment eq '*' and statusCode eq '*' and modelStatusCode eq '*'"

Ask = Callable[..., list[Any]]


@pytest.fixture
def monitor(azure: RunningEmulator, credential: DefaultAzureCredential) -> MonitorManagementClient:
    address = azure.base_url
    return MonitorManagementClient(
        credential, SUBSCRIPTION, base_url=address, credential_scopes=[f"{address}/.default"]
    )


@pytest.fixture
def ask(monitor: MonitorManagementClient, endpoint: str, rest: Rest) -> Iterator[Ask]:
    """Metrics of the last ten minutes, the running one too."""

    def ask(names: str = "RequestsPerMinute", *, wanted: str | None = None, **more: Any) -> list[Any]:
        now = datetime.now(UTC)
        span = f"{now - timedelta(minutes=10):%Y-%m-%dT%H:%M:00Z}/{now + timedelta(minutes=2):%Y-%m-%dT%H:%M:00Z}"
        settings = {"interval": "PT1M", "aggregation": "Average", "top": 100, **more}
        resource = f"{workspace_id('ws-dev')}/onlineEndpoints/{endpoint}".lstrip("/")
        answer = monitor.metrics.list(resource, timespan=span, metricnames=names, filter=wanted, **settings)
        return list(answer.value)

    show(rest, Shown(delay_seconds=0))
    yield ask
    show(rest, Shown())


def show(rest: Rest, wanted: Shown) -> None:
    headers = rest.running.control_headers
    rest.http.put("/emulator/v1/metrics", json=wanted.model_dump(), headers=headers).raise_for_status()


def sums(metric: Any) -> dict[tuple[str, ...], float]:
    """Of each series, by the values of its dimensions."""
    return {
        tuple(each.value for each in series.metadatavalues): sum(point.average or 0 for point in series.data)
        for series in metric.timeseries
    }


def test_requests_are_split_by_deployment_and_statuses(rest: Rest, endpoint: str, ask: Ask) -> None:
    rest.deploy(endpoint, "blue")
    for _ in range(3):
        assert rest.score(endpoint, {}, deployment="blue").status_code == 200
    assert rest.score(endpoint, {"refuse": "no"}, deployment="blue").status_code == 424
    assert rest.score(endpoint, {}).status_code == 404  # nothing has traffic: it is no deployment's

    [split] = ask(wanted=SPLIT)
    assert sums(split) == {("blue", "200", "200"): 3, ("blue", "424", "400"): 1}
    assert [each.name.value for each in split.timeseries[0].metadatavalues] == [
        "deployment",
        "statuscode",
        "modelstatuscode",
    ]
    [classes] = ask(wanted="statusCodeClass eq '4xx' or statusCodeClass eq '5xx'")
    assert sums(classes) == {("4xx",): 2}
    [together] = ask()
    assert sums(together) == {(): 5}


def test_minute_without_a_request_is_no_measurement_and_no_zero(rest: Rest, endpoint: str, ask: Ask) -> None:
    rest.deploy(endpoint, "blue")
    rest.score(endpoint, {}, deployment="blue")

    points = ask(wanted="deployment eq 'blue'")[0].timeseries[0].data
    assert len(points) == 12
    assert sum(point.average is None for point in points) == 11
    show(rest, Shown(delay_seconds=0, zeros=True))
    assert [point.average for point in ask(wanted="deployment eq 'blue'")[0].timeseries[0].data].count(0) == 11


def test_deployment_without_requests_has_no_series(ask: Ask) -> None:
    assert ask(wanted="deployment eq 'never'")[0].timeseries == []


def test_latencies_are_milliseconds_of_each_deployment(rest: Rest, endpoint: str, ask: Ask) -> None:
    rest.deploy(endpoint, "slow", code="slow")
    for seconds in (0.2, 0.0, 0.0):
        rest.score(endpoint, seconds, deployment="slow")

    found = {
        each.name.value: sums(each)[("slow",)]
        for each in ask("RequestLatency,RequestLatency_P50,RequestLatency_P99", wanted="deployment eq '*'")
    }
    assert found["RequestLatency_P99"] >= 195  # a bin of 5% around 200
    assert found["RequestLatency_P50"] < found["RequestLatency"] < found["RequestLatency_P99"]


def test_what_was_measured_is_there_after_a_while_only(rest: Rest, endpoint: str, ask: Ask) -> None:
    rest.deploy(endpoint, "blue")
    rest.score(endpoint, {}, deployment="blue")
    show(rest, Shown(delay_seconds=300))
    assert ask(wanted="deployment eq '*'")[0].timeseries == []

    show(rest, Shown(delay_seconds=0))
    assert sums(ask(wanted="deployment eq '*'")[0]) == {("blue",): 1}


def test_mirrored_requests_are_the_shadows_unless_told_otherwise(rest: Rest, endpoint: str, ask: Ask) -> None:
    rest.deploy(endpoint, "blue")
    rest.deploy(endpoint, "green", code="other")
    rest.set_traffic(endpoint, {"blue": 100}, {"green": 50})

    def counted() -> dict[tuple[str, ...], float]:
        return sums(ask(wanted="deployment eq '*'")[0])

    def mirrored() -> float:
        rest.score(endpoint, {})
        return counted().get(("green",), 0)

    wait_until(mirrored, what="a request is mirrored")
    show(rest, Shown(delay_seconds=0, mirrored=False))
    before = counted()
    for _ in range(20):
        rest.score(endpoint, {})
    assert counted()[("blue",)] == before[("blue",)] + 20
    assert counted()[("green",)] <= before[("green",)] + 1  # one may have been on its way


def test_right_to_read_metrics_is_asked_for(rest: Rest, endpoint: str) -> None:
    path = f"onlineEndpoints/{endpoint}/providers/microsoft.insights/metrics"
    scientist = Rest(rest.running, rest.running.new_principal("scientist", {"role": "AzureML Data Scientist"}))
    watcher = Rest(rest.running, rest.running.new_principal("watcher", {"role": "Monitoring Reader"}))

    assert scientist.arm("GET", path).json()["error"]["code"] == "AuthorizationFailed"
    assert watcher.arm("GET", path).status_code == 200
    assert watcher.arm("GET", path.replace("metrics", "METRICDEFINITIONS")).status_code == 200


def test_definitions_name_units_dimensions_and_grains(monitor: MonitorManagementClient, endpoint: str) -> None:
    resource = f"{workspace_id('ws-dev')}/onlineEndpoints/{endpoint}".lstrip("/")
    found: list[Any] = list(monitor.metric_definitions.list(resource))

    assert {each.name.value for each in found} == {metric.name for metric in METRICS}
    requests = next(each for each in found if each.name.value == "RequestsPerMinute")
    assert [each.value for each in requests.dimensions] == list(DIMENSIONS)
    assert [str(each) for each in requests.supported_aggregation_types] == ["Average"]
    assert requests.metric_availabilities[0].time_grain == timedelta(minutes=1)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"names": "Requests"}, "Valid metrics: RequestsPerMinute,"),
        ({"interval": "PT2M"}, "Supported time grains: PT1M"),
        ({"aggregation": "Total"}, "Supported aggregations: Average"),
        ({"wanted": "color eq 'blue'"}, "supported ones are: deployment,"),
        ({"wanted": "deployment eq 'a' or statusCode eq '200'"}, "'or' joins"),
        ({"names": "RequestLatency", "wanted": "statusCode eq '*'"}, "supported ones are: deployment"),
        ({"metricnamespace": "Microsoft.Storage/storageAccounts"}, "not a valid metric namespace"),
        ({"orderby": "total desc"}, "Invalid orderby"),
    ],
)
def test_what_azure_monitor_does_not_take_is_refused(ask: Ask, more: dict[str, Any], said: str) -> None:
    with pytest.raises(HttpResponseError) as refused:
        ask(**more)

    assert refused.value.status_code == 400
    assert said in str(refused.value)


@pytest.mark.parametrize("timespan", ["now", "2026-11-26T10:00:00Z", "2026-11-27T00:00Z/2026-11-26T00:00Z", "a/b"])
def test_span_that_is_none_is_refused(rest: Rest, endpoint: str, timespan: str) -> None:
    answer = rest.arm("GET", f"onlineEndpoints/{endpoint}/providers/Microsoft.Insights/metrics?timespan={timespan}")

    assert answer.status_code == 400
    assert "START/END" in answer.json()["error"]["message"]


# Without a process: what is split and added up.


def minute(number: int, *counts: tuple[str, int, int, int]) -> dict[str, Any]:
    keys = ("deployment", "statusCode", "modelStatusCode", "count")
    return {"minute": number, "requests": [dict(zip(keys, each, strict=True)) for each in counts], "latencies": {}}


def test_grain_averages_over_the_minutes_that_have_a_measurement() -> None:
    minutes = [minute(10, ("blue", 200, 200, 6)), minute(12, ("blue", 200, 200, 2)), minute(15, ("blue", 200, 200, 1))]

    [found] = series_of(REQUESTS, minutes, {"deployment": {"*"}}, grain=300)

    assert found.points == {600: 4, 900: 1}


def test_what_has_no_value_of_a_dimension_is_not_split_by_it() -> None:
    minutes = [minute(1, ("", 401, 0, 5), ("blue", 424, 0, 2), ("blue", 200, 200, 1))]

    by_model = series_of(REQUESTS, minutes, {"modelStatusCode": {"*"}}, grain=60)
    everything = series_of(REQUESTS, minutes, {}, grain=60)

    assert [(each.key, each.points) for each in by_model] == [((("modelStatusCode", "200"),), {60: 1})]
    assert everything[0].points == {60: 8}


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("", {}),
        ("deployment eq '*'", {"deployment": {"*"}}),
        ("DEPLOYMENT EQ 'Blue'", {"deployment": {"blue"}}),
        ("deployment eq 'it''s'", {"deployment": {"it's"}}),
        ("deployment eq 'a' or deployment eq 'b'", {"deployment": {"a", "b"}}),
        (
            "deployment eq '*' and (statusCode eq '200' or statusCode eq '424')",
            {"deployment": {"*"}, "statusCode": {"200", "424"}},
        ),
    ],
)
def test_filter_is_read(written: str, expected: dict[str, set[str]]) -> None:
    assert parse_filter(written, dimensions=DIMENSIONS) == expected


@pytest.mark.parametrize(
    "written",
    [
        "deployment",
        "deployment eq",
        "deployment eq blue",
        "deployment ne 'blue'",
        "deployment eq 'a' deployment eq 'b'",
        "(deployment eq 'a'",
        "deployment eq 'a' and deployment eq 'b'",
        "deployment eq 'a' or deployment eq 'b' and statusCode eq '*'",
        "; drop",
        "(" * 1500,
        "deployment eq '" + "x" * 3000 + "'",
    ],
)
def test_filter_that_is_none_is_refused(written: str) -> None:
    with pytest.raises(BadRequest):
        parse_filter(written, dimensions=DIMENSIONS)


def test_metrics_outlive_the_process(tmp_path: Any) -> None:
    store = Store(tmp_path / "azure.sqlite")
    before = Metrics(store)
    before.record("ws", "ep", deployment="blue", status=200, model_status=200, milliseconds=5)
    before.flush()

    minutes = Metrics(store).minutes("ws", "ep", since=0, until=time.time() + 60)
    assert [each.points for each in series_of(REQUESTS, minutes, {}, grain=60)] == [{minutes[0]["minute"] * 60: 1}]
    assert series_of(P95, minutes, {}, grain=60)[0].points[minutes[0]["minute"] * 60] == pytest.approx(5, rel=0.03)
    assert series_of(LATENCY, minutes, {}, grain=60)[0].key == ()


@pytest.mark.usefixtures("ask")  # which has the emulator show the running minute too
def test_adapter_reads_what_went_through_the_endpoint(rest: Rest, endpoint: str) -> None:
    running = rest.running
    settings = AzureSettings(
        resource_manager=running.base_url,
        cloud_metadata_url=running.environment["ARM_CLOUD_METADATA_URL"],
        private_cloud=True,
    )
    azure = open_azure(settings)
    place = Place(subscription=SUBSCRIPTION, resource_group="rg-ml", workspace="ws-dev")
    rest.deploy(endpoint, "blue")
    for _ in range(3):
        rest.score(endpoint, {}, deployment="blue")
    rest.score(endpoint, {"refuse": "no"}, deployment="blue")

    now = datetime.now(UTC)
    span = {"since": now - timedelta(minutes=3), "until": now + timedelta(minutes=2)}
    requests = read_requests(azure, place, endpoint, **span)
    latencies = read_latencies(azure, place, endpoint, **span)

    counted: Counter[tuple[str, int]] = Counter()
    for each in requests:
        counted[(each.deployment, each.status)] += each.requests
    assert counted == {("blue", 200): 3, ("blue", 424): 1}
    assert {each.deployment for each in latencies} == {"blue"}
    assert all(0 < (each.p50 or 0) <= (each.p99 or 0) for each in latencies)
    with pytest.raises(NotFound):
        read_requests(azure, place, "not-there", **span)
