"""Trying again: what counts as a try, how long is waited, what a step ends with."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.azureml.errors import AzureMLError, Busy, NotPermitted, Throttled, Unavailable
from app.execution.attempts import carry_out
from app.planning.budget import Budget
from app.steps.contract import Context, Done, OutOfTime

BUDGET = Budget(tries=3, first_wait=1.0, longest_wait=4.0)


class Watch:
    """A clock that only waiting moves, and what was said meanwhile."""

    def __init__(self, *, ends_after: float = 1e9) -> None:
        self.waits: list[float] = []
        self.reports: list[str] = []
        self.retries: list[tuple[str, float]] = []
        self._ends_after = ends_after

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        if sum(self.waits) > self._ends_after:
            raise OutOfTime

    def carry_out(self, *answers: Exception | Done) -> Done:
        left = list(answers)

        def step(_context: Context) -> Done:
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        context = Context("r-1", "dev", Path, Path(), {}, lambda: None, self.wait, self.reports.append, _now, _now())
        return carry_out(step, context, budget=BUDGET, on_retry=self._note)

    def _note(self, error: AzureMLError, seconds: float) -> None:
        self.retries.append((error.sentence, seconds))


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def watch() -> Watch:
    return Watch()


def test_step_is_tried_again_after_what_may_pass(watch: Watch) -> None:
    assert watch.carry_out(Unavailable("away"), Done("made")) == Done("made")
    assert [sentence for sentence, _ in watch.retries] == ["away"]


def test_waits_grow_with_jitter_and_have_a_ceiling() -> None:
    waits = [Budget(first_wait=1.0, longest_wait=8.0).wait_before(retry) for retry in range(1, 40)]

    assert 0.5 <= waits[0] <= 1.0
    assert 1.0 <= waits[1] <= 2.0
    assert all(4.0 <= wait <= 8.0 for wait in waits[3:])
    assert len(set(waits)) > 30


def test_retry_after_is_honoured(watch: Watch) -> None:
    watch.carry_out(Throttled("slow down", retry_after=77.0), Done("made"))

    assert watch.waits == [77.0]


def test_budget_ends_with_the_last_error(watch: Watch) -> None:
    with pytest.raises(Unavailable, match="third"):
        watch.carry_out(Unavailable("first"), Unavailable("second"), Unavailable("third"))
    assert len(watch.retries) == 2


@pytest.mark.parametrize("times", [BUDGET.tries, 50])
def test_waiting_for_others_burns_no_try(watch: Watch, times: int) -> None:
    busy = [Busy("the endpoint is being changed")] * times

    assert watch.carry_out(*busy, Unavailable("away"), *busy, Unavailable("away"), Done("made")) == Done("made")
    assert len(watch.retries) == 2
    assert watch.reports[0].startswith("the endpoint is being changed")


def test_waiting_for_others_ends_with_the_steps_own_time() -> None:
    with pytest.raises(OutOfTime):
        Watch(ends_after=600).carry_out(Busy("the endpoint is being changed"))


@pytest.mark.parametrize("make", [NotPermitted, lambda said: Unavailable(said, retryable=False)])
def test_what_cannot_pass_is_not_tried_again(watch: Watch, make: Callable[[str], AzureMLError]) -> None:
    with pytest.raises(AzureMLError, match="no"):
        watch.carry_out(make("no"), Done("made"))
    assert watch.waits == []
