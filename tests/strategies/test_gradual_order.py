"""Which steps of a canary and of a shadow bring the traffic back, and when nothing does any more."""

from typing import Any

import pytest

from app.planning.plan import Plan
from app.releases.order import outcome, ready
from app.releases.states import Control, Status, StepStatus
from tests.strategies.content import definition, plan

GOOD, BAD = StepStatus.SUCCEEDED, StepStatus.FAILED
STEPS = [{"weight": 5, "bake": "30m"}, {"weight": 25, "bake": "30m"}]
CANARY = {"strategy": "canary", "steps": STEPS}
SHADOW = {"strategy": "shadow", "mirror": {"percent": 20, "bake": "10m"}, "steps": STEPS}


def planned(traffic: dict[str, Any]) -> Plan:
    stages = definition().model_dump(mode="json")["stages"]
    (only,) = plan("dev", definition=definition(stages=[{**stages[0], "traffic": traffic}]))
    return only


def ended_at(made: Plan, key: str) -> dict[str, StepStatus]:
    """All steps before this one are done, and this one failed."""
    keys = [each.key for each in made.steps]
    return {**dict.fromkeys(keys[: keys.index(key)], GOOD), key: BAD}


def back(made: Plan, ends: dict[str, StepStatus], **more: Any) -> list[str]:
    return [each.key for each in ready(made.steps, ends, set(), **more)]


@pytest.mark.parametrize("traffic", [CANARY, SHADOW])
@pytest.mark.parametrize("key", ["verify_deployment", "find_baseline"])
def test_what_fails_before_any_traffic_moved_is_not_brought_back(traffic: dict[str, Any], key: str) -> None:
    made = planned(traffic)
    ends = ended_at(made, key)

    assert back(made, ends) == []
    assert outcome(made.steps, ends) is Status.FAILED


@pytest.mark.parametrize(
    ("traffic", "key"),
    [
        *((CANARY, each) for each in ["shift_traffic:5", "analyse:5", "shift_traffic:25", "shift_traffic:100"]),
        *((SHADOW, each) for each in ["mirror_traffic:20", "analyse:mirror", "analyse:25"]),
    ],
)
def test_what_fails_on_the_way_is_brought_back(traffic: dict[str, Any], key: str) -> None:
    made = planned(traffic)
    ends = ended_at(made, key)

    assert back(made, ends) == ["restore_traffic"]
    assert outcome(made.steps, {**ends, "restore_traffic": GOOD}) is Status.ROLLED_BACK
    assert outcome(made.steps, {**ends, "restore_traffic": BAD}) is Status.FAILED


def test_once_all_of_the_traffic_has_moved_there_is_no_way_back() -> None:
    made = planned(CANARY)
    ends = ended_at(made, "publish_secrets")

    assert back(made, ends) == []
    assert outcome(made.steps, ends) is Status.FAILED
    del ends["publish_secrets"]
    assert outcome(made.steps, ends, control=Control.CANCEL) is Status.CANCELLED


def test_what_is_cancelled_with_split_traffic_goes_back_first() -> None:
    made = planned(CANARY)
    ends = {**ended_at(made, "analyse:25"), "analyse:25": StepStatus.CANCELLED}

    assert back(made, ends, control=Control.CANCEL) == ["restore_traffic"]
    assert outcome(made.steps, {**ends, "restore_traffic": GOOD}, control=Control.CANCEL) is Status.CANCELLED
