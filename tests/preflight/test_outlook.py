"""What is said before a release of the analysis of its traffic: whether it may read, and what it can find."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from app.planning.analysis import AnalysisRules
from emulator.online import metrics
from emulator.store import Store
from tests.azureml.fixtures import DEV
from tests.azureml.running import RunningEmulator
from tests.preflight.looks import as_principal, look
from tests.steps.fixtures import Json, Team, place

HOURS = 7 * 24
WATCHED = [{"percent": 5, "seconds": 1800.0}, {"percent": 50, "seconds": 86400.0}]


@pytest.fixture
def callers(serving: Team, emulator: RunningEmulator) -> Iterator[Any]:
    """``callers(per_hour=60, failing_of=100)``: what the recorder would have counted of callers in the last week."""
    store = Store(emulator.data / "azure.sqlite")

    def call(*, per_hour: int, failing_of: int = 0, only: range = range(HOURS)) -> None:
        recorder = metrics.Metrics(store)
        end = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        with pytest.MonkeyPatch.context() as patch:
            for number, (hour, request) in enumerate((hour, each) for hour in only for each in range(per_hour)):
                at = end - timedelta(hours=HOURS - hour) + timedelta(seconds=3600 * request / per_hour)
                patch.setattr(metrics, "time", SimpleNamespace(time=lambda at=at: at.timestamp()))
                failed = failing_of and number % failing_of == 0
                recorder.record(
                    DEV.workspace,
                    serving.endpoint,
                    deployment="rel-1",
                    status=424 if failed else 200,
                    model_status=500 if failed else 200,
                    milliseconds=20.0,
                )
            recorder.flush()

    yield call
    store.close()


def looks(team: Team, **rules: Any) -> dict[str, Json]:
    wanted = {"rules": AnalysisRules.model_validate(rules).model_dump(mode="json"), "watched": WATCHED}
    return look(team, name="dev", workspace=place(), registry=None, key_vault=None, **wanted)


def test_without_an_analysis_nothing_is_said_of_it(team: Team) -> None:
    assert {"metrics", "analysis"}.isdisjoint(look(team))


def test_where_nothing_serves_there_is_nothing_to_compare_with(team: Team) -> None:
    found = looks(team)

    assert (found["metrics"]["outcome"], found["analysis"]["outcome"]) == ("passed", "passed")
    assert "nothing to compare with" in found["analysis"]["sentence"]
    assert found["analysis"]["rows"] == ()


def test_what_each_share_finds_is_said_of_the_last_week_s_traffic(serving: Team, callers: Any) -> None:
    callers(per_hour=60)

    found = looks(serving)["analysis"]

    assert (found["outcome"], found["code"]) == ("warning", "little_traffic")
    assert "had 1 request a minute: at 5% that is too little" in found["sentence"]
    assert "golden requests are sent to both by turns" in found["sentence"]
    assert found["hint"].endswith("At 5% not even a day is enough.")
    first, second = found["rows"]
    assert first == (
        "5% of 1 request a minute for 28 minutes, some 1: finds no error rate for certain; "
        "too few to prove a good release to be good"
    )
    assert second.startswith(
        "50% of 1 request a minute for 1438 minutes, some 719: finds an error rate of 2%, not one of 1%"
    )
    assert "too few" not in second


def test_nights_and_one_busy_day_are_not_the_usual_traffic(serving: Team, callers: Any) -> None:
    callers(per_hour=600, only=range(24))

    found = looks(serving, no_data="ask")["analysis"]

    assert "had no requests: at 5% and 50%" in found["sentence"]
    assert found["sentence"].endswith("so a person is asked.")
    assert found["rows"] == ("5% of no requests: finds nothing", "50% of no requests: finds nothing")


def test_days_before_the_endpoint_had_any_traffic_do_not_count(serving: Team, callers: Any) -> None:
    callers(per_hour=60, only=range(HOURS - 24, HOURS))

    assert "had 1 request a minute" in looks(serving)["analysis"]["sentence"]


def test_what_serves_and_fails_hides_what_fails_as_often(serving: Team, callers: Any) -> None:
    callers(per_hour=60, failing_of=20)

    found = looks(serving, errors={"highest": None})["analysis"]

    assert "finds an error rate of 17%, not one of 14%" in found["rows"][1], found["rows"]


def test_service_that_may_not_read_metrics_is_refused_where_something_serves(
    serving: Team, emulator: RunningEmulator
) -> None:
    few = as_principal(serving, emulator, {"role": "AzureML Data Scientist", "scope": DEV.arm_id})

    found = looks(few)

    assert (found["metrics"]["outcome"], found["metrics"]["code"]) == ("failed", "not_permitted")
    assert "Microsoft.Insights/metrics/read" in found["metrics"]["sentence"]
    assert "Monitoring Reader" in found["metrics"]["hint"]
    assert found["analysis"]["outcome"] == "unknown"


def test_service_that_may_not_read_metrics_is_warned_where_nothing_serves_yet(
    team: Team, emulator: RunningEmulator
) -> None:
    rights = {"actions": ["Microsoft.Authorization/*/read"]}
    few = as_principal(team, emulator, {"role": "AzureML Data Scientist", "scope": DEV.arm_id}, rights)

    found = looks(few)

    assert (found["metrics"]["outcome"], found["metrics"]["code"]) == ("warning", "not_permitted")
