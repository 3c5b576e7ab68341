"""A canary is watched: at a real endpoint with split traffic, by metrics as Azure Monitor gives them."""

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.azureml.errors import Unavailable
from app.azureml.facade import AzureML
from app.azureml.scoring_credentials import ScoringCredential
from app.evidence.reports import ANALYSIS, Report
from app.planning.kinds import Analyse
from app.steps.analyse import analyse
from app.steps.contract import Done, Outcome, PersonsAnswer, Refused, Waiting
from tests.reports import say
from tests.steps.by_hand import delete, set_shares
from tests.steps.fixtures import Team, creating_deployment, place

Json = dict[str, Any]
BEGUN = datetime(2026, 11, 27, 10, 0, 20, tzinfo=UTC)
DELAY = timedelta(minutes=3)
OVER = BEGUN.replace(second=0) + timedelta(minutes=11) + DELAY  # the window: ten minutes from the next whole one on

Minute = dict[tuple[str, int], int]  # requests by deployment and status


@pytest.fixture
def split(serving: Team, content: Json) -> Team:
    """A team whose rel-2 has a tenth of the traffic beside rel-1."""
    serving.carry_out("create_deployment", creating_deployment(serving, content, "rel-2", release=2))
    set_shares(serving, {"rel-1": 90, "rel-2": 10})
    return serving


Look = Callable[..., Outcome]


def outputs_of(team: Team) -> dict[str, Json]:
    """What the steps before it found and made."""
    before = {"traffic": {"rel-1": 100}, "mirror": {}, "deployments": [team.outputs["create_deployment:rel-1"]]}
    return {"find_baseline": before, "create_deployment": team.outputs["create_deployment:rel-2"]}


@pytest.fixture
def look(split: Team, monkeypatch: pytest.MonkeyPatch) -> Look:
    """One look at what Azure Monitor measured in each minute: ``measured`` gives a minute's requests; None: it cannot be read."""
    real = AzureML.get_json
    measured: list[Callable[[datetime], Minute | None]] = [lambda _at: {}]

    def get_json(azure: AzureML, url: str, *, doing: str) -> Any:
        if "Microsoft.Insights/metrics" not in url:
            return real(azure, url, doing=doing)
        asked = parse_qs(urlsplit(url).query)
        if "RequestsPerMinute" not in asked["metricnames"][0]:
            return {"value": []}
        since, until = map(datetime.fromisoformat, asked["timespan"][0].split("/"))
        series = []
        while since < until:
            minute = measured[0](since)
            if minute is None:
                raise Unavailable("Azure Monitor is away.")
            series += [_series(since, *what, count) for what, count in minute.items()]
            since += timedelta(minutes=1)
        return {"value": [{"name": {"value": "RequestsPerMinute"}, "timeseries": series}]}

    monkeypatch.setattr(AzureML, "get_json", get_json)

    def carry_out(
        minute: Callable[[datetime], Minute | None],
        *,
        now: datetime,
        memory: Json | None = None,
        answer: PersonsAnswer | None = None,
        rules: Json | None = None,
        mirrored: bool = False,
    ) -> Outcome:
        measured[0] = minute
        config = Analyse.model_validate(
            {
                "workspace": place(),
                "endpoint": split.endpoint,
                "deployment": "rel-2",
                "share": 10,
                "mirrored": mirrored,
                "baseline_from": "find_baseline",
                "bake_seconds": 600,
                "golden": "golden.json",
                "rules": {"warm_up_minutes": 0, "latency": None, **(rules or {})},
            }
        )
        context = replace(
            split.context(outputs_of(split)),
            now=lambda: now,
            first_begun_at=BEGUN,
            memory=json.loads(json.dumps(memory or {})),
            answer=answer,
        )
        return analyse(split.azure, context, config)

    return carry_out


def _series(at: datetime, deployment: str, status: int, count: int) -> Json:
    names = {"deployment": deployment, "statuscode": str(status), "modelstatuscode": str(status)}
    return {
        "metadatavalues": [{"name": {"value": name}, "value": value} for name, value in names.items()],
        "data": [{"timeStamp": at.isoformat(), "average": float(count)}],
    }


def good(_at: datetime) -> Minute:
    return {("rel-1", 200): 360, ("rel-2", 200): 40}


def bad(_at: datetime) -> Minute:
    return {("rel-1", 200): 360, ("rel-2", 200): 30, ("rel-2", 424): 10}


def silent(_at: datetime) -> Minute:
    return {}


def said(answer: Any) -> PersonsAnswer:
    return PersonsAnswer(answer, by="ann", at=OVER, reason="looked at the log")


def test_it_waits_for_the_next_minute_and_then_passes(look: Look) -> None:
    first = look(good, now=BEGUN)
    assert isinstance(first, Waiting)
    assert first.until == BEGUN.replace(second=0) + timedelta(minutes=2) + DELAY
    assert "is watched until 10:14:00 UTC" in first.sentence
    assert isinstance(look(good, now=OVER - timedelta(seconds=1)), Waiting)

    done = look(good, now=OVER)

    assert isinstance(done, Done)
    assert done.output["verdict"] == "passed"
    assert done.output["canary"] == {"requests": 400, "failed": 0}
    assert done.output["baseline"] == {"requests": 3600, "failed": 0}


def test_one_that_is_worse_is_stopped_before_its_time_once_that_was_read_again(look: Look) -> None:
    soon = BEGUN + timedelta(minutes=2) + DELAY
    again = look(bad, now=soon)
    assert isinstance(again, Waiting)
    assert again.until - soon == timedelta(seconds=10)

    with pytest.raises(Refused, match=r"10 of the canary's 40 requests failed") as refused:
        look(bad, now=again.until, memory=again.memory)

    assert refused.value.code == "analysis_failed"
    assert refused.value.details["analysis"]["verdict"] == "failed"
    assert refused.value.report == Report(ANALYSIS, "failed", refused.value.details["analysis"])
    assert say(refused.value.report).startswith("dev, 10% of the traffic: failed. 10 of 40 requests (25.00%) failed; ")


def test_what_looked_worse_only_once_goes_on(look: Look) -> None:
    soon = BEGUN + timedelta(minutes=2) + DELAY
    again = look(bad, now=soon)
    assert isinstance(again, Waiting)

    on = look(good, now=again.until, memory=again.memory)

    assert isinstance(on, Waiting)
    assert "suspect" not in on.memory


def test_without_requests_probes_decide(look: Look) -> None:
    done = look(silent, now=OVER, rules={"errors": {"margin": 10.0}})

    assert isinstance(done, Done)
    assert done.output["canary"] == {"requests": 0, "failed": 0}
    assert done.output["probes"] == {
        "canary": {"requests": 30, "failed": 0},
        "baseline": {"requests": 30, "failed": 0},
    }


def test_without_requests_a_person_is_asked_where_that_is_wanted(look: Look) -> None:
    asks = look(silent, now=OVER, rules={"no_data": "ask"})
    assert isinstance(asks, Waiting)
    assert asks.asks == "no_data"
    assert "Go on (advance), wait longer (extend) or go back (abort)?" in asks.sentence
    assert asks.report == Report(ANALYSIS, "no_data", asks.memory["evidence"])

    still = look(silent, now=asks.until, memory=asks.memory, rules={"no_data": "ask"})
    assert isinstance(still, Waiting)
    assert still.asks == "no_data"
    with pytest.raises(Refused, match="Nobody decided within 1d") as refused:
        look(silent, now=OVER + timedelta(days=1), memory=asks.memory, rules={"no_data": "ask"})
    assert refused.value.code == "not_answered"


def test_person_goes_on_or_waits_longer(look: Look) -> None:
    asks = look(silent, now=OVER, rules={"no_data": "ask"})
    assert isinstance(asks, Waiting)

    done = look(silent, now=OVER, memory=asks.memory, answer=said("advance"))
    assert isinstance(done, Done)
    assert done.sentence == "ann goes on with rel-2: looked at the log"
    assert done.output["accepted"]["by"] == "ann"
    assert done.report == Report(ANALYSIS, "no_data", done.output)
    assert "no data. It had no requests; what serves had none." in say(done.report)

    longer = look(silent, now=OVER, memory=asks.memory, answer=said("extend"))
    assert isinstance(longer, Waiting)
    assert longer.asks is None
    assert datetime.fromisoformat(longer.memory["until"]) == OVER + timedelta(minutes=11)


def test_certain_break_stops_it_while_a_person_is_asked(look: Look) -> None:
    asks = look(silent, now=OVER, rules={"no_data": "ask"})
    assert isinstance(asks, Waiting)

    again = look(bad, now=asks.until, memory=asks.memory, rules={"no_data": "ask"})
    assert isinstance(again, Waiting)
    with pytest.raises(Refused):
        look(bad, now=again.until, memory=again.memory, rules={"no_data": "ask"})


def test_metrics_that_cannot_be_read_are_asked_for_again_and_are_no_success(look: Look) -> None:
    def away(_at: datetime) -> None:
        return None

    assert isinstance(look(away, now=OVER - timedelta(minutes=1)), Waiting)
    later = look(away, now=OVER)
    assert isinstance(later, Waiting)
    assert later.asks is None
    assert isinstance(look(good, now=later.until, memory=later.memory), Done)
    looks = 1
    while later.asks is None:  # the golden requests alone, which it answers, are not enough here
        later = look(away, now=later.until, memory=later.memory, rules={"errors": {"margin": 10.0}})
        assert isinstance(later, Waiting)
        looks += 1

    assert looks == 10
    assert later.asks == "no_data"
    assert "could not be read: Azure Monitor is away." in later.sentence


def test_probes_that_reach_no_deployment_are_no_success(look: Look, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ScoringCredential, "value", lambda _self: "not-its-key")

    asks = look(silent, now=OVER, rules={"errors": {"margin": 10.0}})

    assert isinstance(asks, Waiting)
    assert asks.asks == "no_data"
    assert "Golden requests could not be sent" in asks.sentence
    assert "401" in asks.sentence


def test_answer_is_not_lost_where_the_same_minutes_are_read_again(look: Look) -> None:
    again = look(bad, now=OVER, answer=said("advance"))
    assert isinstance(again, Waiting)

    done = look(good, now=again.until, memory=again.memory)

    assert isinstance(done, Done)
    assert done.sentence == "ann goes on with rel-2: looked at the log"


def test_what_breaks_after_its_bake_is_stopped_while_a_person_is_asked(look: Look) -> None:
    asks = look(silent, now=OVER, rules={"no_data": "ask"})
    assert isinstance(asks, Waiting)

    def later(at: datetime) -> Minute:
        return bad(at) if at >= OVER else {}

    soon = OVER + timedelta(minutes=10)
    again = look(later, now=soon, memory=asks.memory, rules={"no_data": "ask"})
    assert isinstance(again, Waiting)
    assert again.asks == "no_data"  # the question still stands
    with pytest.raises(Refused, match="requests failed") as refused:
        look(later, now=again.until, memory=again.memory, rules={"no_data": "ask"})
    assert refused.value.code == "analysis_failed"


def test_where_what_serves_fails_too_the_release_alone_is_not_blamed(look: Look) -> None:
    def burning(_at: datetime) -> Minute:
        return {("rel-1", 200): 144, ("rel-1", 500): 216, ("rel-2", 200): 16, ("rel-2", 500): 24}

    soon = BEGUN + timedelta(minutes=2) + DELAY
    again = look(burning, now=soon)
    assert isinstance(again, Waiting)

    with pytest.raises(Refused, match="what serves does no better: the cause may be another than this release"):
        look(burning, now=again.until, memory=again.memory)


def test_evidence_says_by_which_rules(look: Look) -> None:
    done = look(good, now=OVER)

    assert isinstance(done, Done)
    assert done.output["minutes"] == 10
    assert done.output["rules"]["errors"]["margin"] == 1.0
    assert 0 < done.output["at_most_higher"] < 0.01
    assert json.loads(json.dumps(done.output)) == done.output


def test_traffic_that_others_moved_ends_it(split: Team, look: Look) -> None:
    set_shares(split, {"rel-1": 100})

    with pytest.raises(Refused) as refused:
        look(good, now=OVER)

    assert refused.value.code == "traffic_changed"
    delete(split, "rel-2")
    set_shares(split, {"rel-1": 100})
    with pytest.raises(Refused):
        look(good, now=OVER)


@pytest.mark.parametrize(
    ("changed", "code", "said"),
    [
        ("rel-2", "deployment_changed", "rel-2 of .* was changed after it was made"),
        ("rel-1", "baseline_changed", "What serves at .* was changed while rel-2 was compared with it"),
    ],
    ids=["ours", "what serves"],
)
def test_change_of_either_behind_its_back_ends_it(split: Team, look: Look, changed: str, code: str, said: str) -> None:
    assert isinstance(look(good, now=BEGUN), Waiting)
    split.outputs[f"create_deployment:{changed}"]["settings"]["request_settings.request_timeout_ms"] = "1"

    with pytest.raises(Refused, match=f"{said}.*setting request_settings.request_timeout_ms") as refused:
        look(good, now=OVER)

    assert refused.value.code == code


def test_copies_are_compared_where_azure_counts_them_and_probes_decide_where_it_does_not(
    split: Team, look: Look
) -> None:
    with pytest.raises(Refused, match="0% are copied to rel-2") as refused:
        look(good, now=OVER, mirrored=True)
    assert refused.value.code == "traffic_changed"
    set_shares(split, {"rel-1": 100}, {"rel-2": 10})

    counted = look(good, now=OVER, mirrored=True)
    uncounted = look(lambda _at: {("rel-1", 200): 360}, now=OVER, mirrored=True, rules={"errors": {"margin": 10.0}})
    again = look(bad, now=OVER, mirrored=True)

    assert isinstance(counted, Done)
    assert "probes" not in counted.output
    assert isinstance(uncounted, Done)
    assert uncounted.output["canary"] == {"requests": 0, "failed": 0}
    assert uncounted.output["probes"]["canary"] == {"requests": 30, "failed": 0}
    assert isinstance(again, Waiting)
    with pytest.raises(Refused, match="does worse than what serves"):
        look(bad, now=again.until, memory=again.memory, mirrored=True)


def test_first_deployment_has_nothing_to_be_compared_with(split: Team) -> None:
    config = Analyse.model_validate(
        {
            "workspace": place(),
            "endpoint": split.endpoint,
            "deployment": "rel-2",
            "share": 10,
            "baseline_from": "find_baseline",
            "bake_seconds": 600,
            "rules": {},
        }
    )

    done = analyse(split.azure, split.context({"find_baseline": {"traffic": {}, "mirror": {}}}), config)

    assert isinstance(done, Done)
    assert "there is nothing to compare it with" in done.sentence
