"""The order of steps, and what their ends add up to."""

from collections.abc import Mapping, Set
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.planning.steps import On
from app.releases.order import goes_back, has_failed, outcome, ready, way_back
from app.releases.states import RELEASE_MAY_FOLLOW, ROLLOUT_MAY_FOLLOW, Control, Status, StepStatus


@dataclass(frozen=True)
class Step:
    key: str
    needs: tuple[str, ...] = ()
    on: On = On.SUCCESS
    undoes: tuple[str, ...] = ()
    until: str | None = None


A = Step("a")
B = Step("b")
C = Step("c", ("a", "b"))
D = Step("d", ("dev/x", "c"))
PLAN = [A, B, C, D]
GOOD, BAD = StepStatus.SUCCEEDED, StepStatus.FAILED

BACK = Step("back", on=On.FAILURE)
CHECKED = Step("checked", ("back",), On.FAILURE)
CLEANED = Step("cleaned", ("d",), On.ALWAYS)
WITH_BRANCH = [*PLAN, BACK, CHECKED, CLEANED]


def test_steps_without_needs_begin_side_by_side() -> None:
    assert ready(PLAN, {}, set()) == [A, B]


def test_a_step_waits_for_all_that_it_needs() -> None:
    assert ready(PLAN, {"a": GOOD}, {"b"}) == []
    assert ready(PLAN, {"a": GOOD, "b": GOOD}, set()) == [C]


def test_a_need_of_an_earlier_stage_is_met_already() -> None:
    assert ready(PLAN, {"a": GOOD, "b": GOOD, "c": GOOD}, set()) == [D]


def test_nothing_more_begins_after_a_step_that_did_not_succeed() -> None:
    assert ready(PLAN, {"a": BAD}, set()) == []


def test_what_brings_back_begins_once_what_runs_has_ended() -> None:
    assert ready(WITH_BRANCH, {"a": BAD}, {"b"}) == [CLEANED]
    assert ready(WITH_BRANCH, {"a": BAD, "b": GOOD, "cleaned": GOOD}, set()) == [BACK]
    assert ready(WITH_BRANCH, {"a": BAD, "b": GOOD, "cleaned": GOOD, "back": GOOD}, set()) == [CHECKED]
    assert ready(WITH_BRANCH, {"a": BAD, "b": GOOD, "cleaned": GOOD, "back": BAD}, set()) == []


def test_what_is_for_either_case_waits_for_its_needs_or_until_they_never_begin() -> None:
    assert CLEANED not in ready(WITH_BRANCH, {"a": GOOD, "b": GOOD, "c": GOOD}, {"d"})
    assert ready(WITH_BRANCH, dict.fromkeys("abcd", GOOD), set()) == [CLEANED]
    assert CLEANED in ready(WITH_BRANCH, {"a": BAD}, set())


def test_what_tidies_up_after_the_way_back_is_no_reason_to_take_it() -> None:
    tidied = Step("tidied", ("back",), On.ALWAYS)
    steps = [A, BACK, tidied]

    assert ready(steps, {"a": GOOD}, set()) == [tidied]
    assert not has_failed(steps, {"a": GOOD, "tidied": BAD})
    assert outcome(steps, {"a": GOOD, "tidied": BAD}) is Status.FAILED


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["succeeded", "succeeded"], Status.SUCCEEDED),
        (["succeeded", "failed", "cancelled"], Status.FAILED),
        (["succeeded", "errored", "skipped"], Status.FAILED),
        (["succeeded", "cancelled", None], Status.CANCELLED),
        ([None], Status.CANCELLED),
    ],
)
def test_the_worst_step_decides(statuses: list[str | None], expected: Status) -> None:
    steps = [Step(str(number)) for number, _ in enumerate(statuses)]
    ends = {str(number): StepStatus(each) for number, each in enumerate(statuses) if each is not None}

    assert outcome(steps, ends) is expected


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ({**dict.fromkeys("abcd", GOOD), "cleaned": GOOD}, Status.SUCCEEDED),
        ({**dict.fromkeys("abcd", GOOD), "cleaned": BAD, "back": GOOD, "checked": GOOD}, Status.ROLLED_BACK),
        ({"a": BAD, "cleaned": GOOD, "back": GOOD, "checked": GOOD}, Status.ROLLED_BACK),
        ({"a": BAD, "cleaned": GOOD, "back": GOOD, "checked": BAD}, Status.FAILED),
        ({"a": BAD, "cleaned": GOOD, "back": GOOD}, Status.FAILED),
    ],
)
def test_a_rollout_is_rolled_back_when_all_was_brought_back(ends: dict[str, StepStatus], expected: Status) -> None:
    assert outcome(WITH_BRANCH, ends) is expected


def test_what_brings_back_is_for_what_it_needs() -> None:
    back = Step("back", ("b",), On.FAILURE)
    checked = Step("checked", ("back",), On.FAILURE)
    steps = [A, Step("b", ("a",)), back, checked]

    assert way_back(steps, {}, {"a"}) == []
    assert way_back(steps, {}, {"a", "b"}) == [back, checked]
    assert ready(steps, {"a": BAD}, set()) == []
    assert outcome(steps, {"a": BAD}) is Status.FAILED
    assert ready(steps, {"a": GOOD, "b": BAD}, set()) == [back]
    assert ready(steps, {"a": BAD}, set(), begun={"a", "b"}) == [back], "begun in an earlier attempt"


def test_what_is_cancelled_midway_goes_back_first() -> None:
    back = Step("back", ("a",), On.FAILURE)
    steps = [A, Step("b", ("a",)), back]
    cancel = Control.CANCEL

    assert ready(steps, {"a": GOOD}, {"b"}, control=cancel) == []
    assert ready(steps, {"a": GOOD}, set(), control=cancel) == [back]
    assert outcome(steps, {"a": GOOD, "back": GOOD}, control=cancel) is Status.CANCELLED
    assert outcome(steps, {"a": GOOD, "back": BAD}, control=cancel) is Status.FAILED
    assert outcome(steps, {"a": GOOD, "b": BAD, "back": GOOD}, control=cancel) is Status.ROLLED_BACK
    assert outcome(steps, {}, control=cancel) is Status.CANCELLED
    assert outcome(steps, {"a": GOOD, "b": GOOD}, control=cancel) is Status.SUCCEEDED
    assert not goes_back(steps, {"a": GOOD}, {"a"}, control=Control.PAUSE)


def test_one_that_was_paused_is_paused() -> None:
    assert outcome(PLAN, {"a": GOOD}, control=Control.PAUSE) is Status.PAUSED


@st.composite
def plans(draw: st.DrawFn) -> list[Step]:
    """Each step needs some of those before it; what goes forward needs nothing that brings back."""
    steps: list[Step] = []
    for number in range(draw(st.integers(1, 7))):
        on = draw(st.sampled_from(On))
        needable = [each.key for each in steps if on is not On.SUCCESS or each.on is On.SUCCESS]
        needs = draw(st.lists(st.sampled_from(needable), unique=True, max_size=3)) if needable else []
        steps.append(Step(f"s{number}", tuple(needs), on))
    return steps


@given(plans(), st.data())
def test_every_plan_comes_to_an_end_by_the_rules(steps: list[Step], data: st.DataObject) -> None:
    """Whatever the steps end as, and in whatever order those side by side do."""
    ends: dict[str, StepStatus] = {}
    running: set[str] = set()
    while True:
        for step in ready(steps, ends, running):
            needed = [each for each in steps if each.key in step.needs]
            if step.on is On.SUCCESS:
                assert not has_failed(steps, ends)
                assert all(ends[need.key] is GOOD for need in needed)
            if step.on is On.FAILURE:
                assert has_failed(steps, ends)
                assert not any(each.key in running for each in steps if each.on is On.SUCCESS)
                assert all(ends[need.key] is GOOD for need in needed if need.on is On.FAILURE)
            assert running.isdisjoint(step.needs)
            running.add(step.key)
        if not running:
            break
        ended = data.draw(st.sampled_from(sorted(running)))
        running.remove(ended)
        ends[ended] = data.draw(st.sampled_from([GOOD, GOOD, BAD, StepStatus.ERRORED]))

    ended_as = outcome(steps, ends)
    good = {key for key, status in ends.items() if status is GOOD}
    back = way_back(steps, ends, ends.keys())
    assert all((step in back) or step.key not in ends for step in steps if step.on is On.FAILURE)
    forward = [step for step in steps if step.on is not On.FAILURE]
    assert all(step.key in ends for step in steps if step.on is On.ALWAYS)
    assert (ended_as is Status.SUCCEEDED) == (good.issuperset(step.key for step in forward) and good == ends.keys())
    assert (ended_as is Status.ROLLED_BACK) == (
        has_failed(steps, ends) and bool(back) and good.issuperset(step.key for step in back)
    )
    assert ended_as in {Status.SUCCEEDED, Status.ROLLED_BACK, Status.FAILED}


@pytest.mark.parametrize("table", [ROLLOUT_MAY_FOLLOW, RELEASE_MAY_FOLLOW], ids=["rollouts", "releases"])
def test_every_status_can_be_reached_and_has_its_place_in_both_tables(table: Mapping[Status, Set[Status]]) -> None:
    reached = {Status.PENDING}
    while more := {each for status in reached for each in table[status]} - reached:
        reached |= more

    assert reached == set(table) == set(Status)
