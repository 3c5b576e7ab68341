"""The order of steps, and what their ends add up to."""

import pytest

from app.releases.order import Node, outcome, ready
from app.releases.states import Status, StepStatus

A = Node("1", "a", ())
B = Node("2", "b", ())
C = Node("3", "c", ("a", "b"))
D = Node("4", "d", ("dev/x", "c"))
PLAN = [A, B, C, D]
GOOD = StepStatus.SUCCEEDED


def test_steps_without_needs_begin_side_by_side() -> None:
    assert ready(PLAN, {}, set()) == [A, B]


def test_a_step_waits_for_all_that_it_needs() -> None:
    assert ready(PLAN, {"a": GOOD}, {"b"}) == []
    assert ready(PLAN, {"a": GOOD, "b": GOOD}, set()) == [C]


def test_a_need_of_an_earlier_stage_is_met_already() -> None:
    assert ready(PLAN, {"a": GOOD, "b": GOOD, "c": GOOD}, set()) == [D]


def test_nothing_more_begins_after_a_step_that_did_not_succeed() -> None:
    assert ready(PLAN, {"a": StepStatus.FAILED}, set()) == []


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["succeeded", "succeeded"], Status.SUCCEEDED),
        (["succeeded", "failed", "cancelled"], Status.FAILED),
        (["succeeded", "errored", "skipped"], Status.FAILED),
        (["succeeded", "cancelled", "pending"], Status.CANCELLED),
        (["pending"], Status.CANCELLED),
    ],
)
def test_the_worst_step_decides(statuses: list[str], expected: Status) -> None:
    assert outcome([StepStatus(status) for status in statuses]) is expected
