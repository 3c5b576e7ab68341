"""Golden requests to a new deployment and to the one that serves: accuracy, flips and times of both, and who decides."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from app.evidence.reports import Report
from app.planning.kinds import VerifyDeployment
from app.steps.contract import Done, Outcome, PersonsAnswer, Refused, Waiting
from app.steps.verify_deployment import verify_deployment
from tests.reports import say
from tests.steps.fixtures import Team, creating_deployment, creating_endpoint, moving, verifying

Json = dict[str, Any]

_SCORE = """
import json, os, time

WRONG = set(WRONG_ONES)

def init():
    pass

def run(raw_data):
    number = json.loads(raw_data)["number"]
    time.sleep(SECONDS)
    return {"labels": [-1 if number in WRONG else number % 2], "score": 0.5 + number * 1e-9 + SHIFT}
"""


def deploy(
    team: Team, content: Json, name: str, *, wrong: range = range(0), seconds: float = 0, shift: float = 0
) -> None:
    code = (
        _SCORE.replace("WRONG_ONES", repr(list(wrong))).replace("SECONDS", repr(seconds)).replace("SHIFT", repr(shift))
    )
    (team.bundle / "src" / "score.py").write_text(code)
    team.carry_out("create_deployment", creating_deployment(team, content, name))


@pytest.fixture
def serving(team: Team, content: Json, registered: Json) -> Team:
    """old-1 serves. Of 400 requests it has 8 wrong."""
    assert registered["version"] == "1"
    team.carry_out("create_endpoint", creating_endpoint(team, digest=content["model_digest"]))
    deploy(team, content, "old-1", wrong=range(8))
    team.carry_out("shift_traffic", moving(team, "old-1"))
    return team


def labelled(number: int = 400, *, first: int = 0) -> list[Json]:
    asked = range(first, first + number)
    return [{"request": {"number": each}, "label": each % 2, "path": "$.labels[0]"} for each in asked]


def replay(team: Team, content: Json, rules: Json, golden: list[Json], **context: Any) -> Outcome:
    wanted = {**verifying(team, content, "new-1"), "golden": golden, "replay": rules}
    return verify_deployment(
        team.azure, replace(team.context(team.outputs), **context), VerifyDeployment.model_validate(wanted)
    )


def stopped(team: Team, content: Json, rules: Json, golden: list[Json]) -> tuple[Refused, Json]:
    with pytest.raises(Refused) as refused:
        replay(team, content, rules, golden)
    assert isinstance(refused.value.report, Report)
    return refused.value, refused.value.report.document


def test_better_model_that_differs_passes_and_one_that_lost_points_is_stopped_with_the_interval(
    serving: Team, content: Json
) -> None:
    rules = {"accuracy": {"worse_by": 1}}
    deploy(serving, content, "new-1", wrong=range(7, 8))

    better = replay(serving, content, rules, labelled())

    assert isinstance(better, Done)
    assert better.report is not None
    said = better.report.document
    assert (said["verdict"], said["new"]["labelled_right"], said["serving"]["labelled_right"]) == ("passed", 399, 392)
    assert (said["agreement"], said["flips"]["won"], said["flips"]["lost"]) == ({"same": 393, "of": 400}, 7, 0)
    assert said["flips"]["listed"][0] == {
        "number": 1,
        "expected": "0",
        "new": "0",
        "serving": "-1",
        "change": "won",
    }
    assert "399 of 400 right, accuracy 99.8% (interval " in say(better.report)
    assert "), 1.8 points better than what serves, p95 " in say(better.report)
    assert set(said["new"]["latency_ms"]) == set(said["serving"]["latency_ms"]) == {"p50", "p95", "p99"}
    assert json.dumps(said)

    one_wrong = [*labelled(), {"request": {"number": 7}, "expect": {"labels": [1]}}]
    refused, said = stopped(serving, content, rules, one_wrong)
    assert refused.code == "golden_mismatch"
    assert "number 401" in refused.sentence
    assert said["wrong"] == [{"number": 401, "expected": '{"labels": [1]}', "new": shown_answer(said)}]


def shown_answer(said: Json) -> str:
    found: str = said["wrong"][0]["new"]
    assert "-1" in found
    return found


def test_model_that_lost_points_is_stopped(serving: Team, content: Json) -> None:
    deploy(serving, content, "new-1", wrong=range(24))

    refused, said = stopped(serving, content, {"accuracy": {"worse_by": 1}}, labelled())

    assert refused.code == "golden_failed"
    assert "-4.00 points, interval -5.9" in refused.sentence
    assert (said["verdict"], said["flips"]["lost"]) == ("failed", 16)
    assert "no chance" in str(refused.details["findings"])


def test_what_few_labels_cannot_decide_asks_a_person(serving: Team, content: Json) -> None:
    deploy(serving, content, "new-1")
    rules, few = {"accuracy": {"worse_by": 1}, "answer_within": "2h"}, labelled(5, first=100)

    asked = replay(serving, content, rules, few)

    assert isinstance(asked, Waiting)
    assert (asked.asks, asked.report is not None) == ("inconclusive", True)
    assert "No traffic was moved" in asked.sentence
    again = replay(serving, content, rules, few, memory=asked.memory)
    assert isinstance(again, Waiting)
    assert (again.until, again.asks) == (asked.until, "inconclusive")
    answer = PersonsAnswer("advance", by="ada", at=asked.until, reason="seen by hand")
    done = replay(serving, content, rules, few, memory=asked.memory, answer=answer)
    assert isinstance(done, Done)
    assert (done.sentence, done.output["accepted"]["by"]) == ("ada goes on with new-1: seen by hand", "ada")
    extended = PersonsAnswer("extend", by="ada", at=asked.until, reason="")
    once_more = replay(serving, content, rules, few, memory=asked.memory, answer=extended)
    assert isinstance(once_more, Waiting)
    assert once_more.report is not None
    late = asked.until + timedelta(seconds=1)
    with pytest.raises(Refused) as refused:
        replay(serving, content, rules, few, memory=asked.memory, now=lambda: late)
    assert refused.value.code == "not_answered"


def test_slower_model_is_stopped_and_the_same_answers_agree(serving: Team, content: Json) -> None:
    deploy(serving, content, "new-1", wrong=range(8), seconds=0.1)
    golden = [{"request": {"number": 9}, "expect": 0.5, "path": "$.score", "tolerance": 0.001}]

    refused, said = stopped(serving, content, {"latency": {"minimum_requests": 20}}, golden)

    assert (refused.code, said["agreement"]) == ("golden_failed", {"same": 1, "of": 1})
    assert said["new"]["latency_ms"]["p95"] > 100 > said["serving"]["latency_ms"]["p50"]


def test_beyond_its_tolerance_an_answer_is_wrong_and_labels_alone_are_not_asked_for(
    serving: Team, content: Json
) -> None:
    deploy(serving, content, "new-1", wrong=range(8), shift=0.01)
    near = {"request": {"number": 9}, "expect": 0.5, "path": "$.score", "tolerance": 0.02}
    far = {**near, "tolerance": 0.001}

    plain = {**verifying(serving, content, "new-1"), "golden": [near, *labelled(3)]}
    assert serving.carry_out("verify_deployment", plain).output["requests"] == 1
    with pytest.raises(Refused, match="wrong answer to golden request 1 of 1"):
        serving.carry_out("verify_deployment", {**plain, "golden": [far]})
    nowhere = {**near, "path": "$.nowhere[3]"}
    with pytest.raises(Refused, match="wrong answer"):
        serving.carry_out("verify_deployment", {**plain, "golden": [nowhere]})


def test_first_release_is_compared_with_nothing_and_a_serving_one_that_fails_is_no_fault_of_the_new(
    team: Team, content: Json, registered: Json
) -> None:
    assert registered["version"] == "1"
    team.carry_out("create_endpoint", creating_endpoint(team, digest=content["model_digest"]))
    deploy(team, content, "new-1")

    done = replay(team, content, {"accuracy": {"worse_by": 1}, "latency": {}}, labelled(3))

    assert isinstance(done, Done)
    assert "compared with nothing" in done.sentence
    assert done.report is not None
    assert "than what serves" not in say(done.report)
    (team.bundle / "src" / "score.py").write_text("def init():\n    pass\n\ndef run(raw_data):\n    raise ValueError\n")
    team.carry_out("create_deployment", creating_deployment(team, content, "old-1"))
    team.carry_out("shift_traffic", moving(team, "old-1"))
    asked = replay(team, content, {"accuracy": {"worse_by": 1}}, labelled(3))
    assert isinstance(asked, Waiting)
    assert asked.asks == "no_data"
    assert asked.report is not None
    assert asked.report.document["serving"]["unanswered"] == 3
    assert say(asked.report).startswith("dev, golden requests: no data. 3 of 3 right, accuracy 100.0% (interval ")
