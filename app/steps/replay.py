"""Golden requests to the new deployment and to what serves by turns, and what their answers come to."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from app.analysis.counts import Counts
from app.analysis.paired import Flips, bounds_of_difference
from app.analysis.percentiles import percentile
from app.analysis.replay import Replayed, accuracy_interval, judge_replay
from app.analysis.verdict import Finding, Verdict, sentences_of, verdict_of
from app.azureml.errors import AnswerTooLarge, ConnectionLost, TimedOut
from app.azureml.scoring import Scoring
from app.azureml.types import Answer
from app.documents.json_object import Json
from app.evidence.reports import GOLDEN, Report
from app.planning.replay import ReplayRules
from app.steps.contract import Context, Refused
from app.steps.golden import NOTHING, Golden, holds, shown

MOST_LISTED = 100  # flips and wrong answers in a report
_SHARES = (0.5, 0.95, 0.99)


@dataclass
class _Arm:
    """The answers of one deployment."""

    name: str
    right: int = 0
    labelled: int = 0
    labelled_right: int = 0
    unanswered: int = 0
    times: list[float] = field(default_factory=list)  # milliseconds; those of both stand pair by pair


@dataclass
class Result:
    """All that was measured, and the verdict on it."""

    rules: ReplayRules
    of: int  # golden requests
    since: datetime
    new: _Arm
    serving: _Arm | None
    asked: int = 0  # of the golden requests
    both: int = 0  # labelled ones that both answered
    won: int = 0
    lost: int = 0
    compared: int = 0  # that both answered
    same: int = 0
    flips: list[Json] = field(default_factory=list)
    wrong: list[Json] = field(default_factory=list)  # answers that are not as expected
    wrong_number: int = 0
    until: datetime | None = None

    @property
    def findings(self) -> list[Finding]:
        found = judge_replay(self.rules, self.replayed)
        expected = self.asked - self.new.labelled
        if self.wrong_number:
            first = self.wrong[0]
            said = (
                f"It gave the wrong answer to {self.wrong_number} of {expected} golden requests with an expected answer, first to "
                f"number {first['number']}: expected {first['expected']}, got {first['new']}."
            )
            found.insert(0, Finding("expected answers", Verdict.FAILED, said))
        elif expected:
            said = f"It gave the expected answer to all {expected} golden requests that have one."
            found.insert(0, Finding("expected answers", Verdict.PASSED, said))
        if self.serving is None:
            found.append(Finding("serving", Verdict.PASSED, "Nothing serves there: it was compared with nothing."))
        if self.asked < self.of:
            said = (
                f"Only {self.asked} of {self.of} golden requests were sent within {self.rules.within_minutes} minutes."
            )
            found.append(Finding("requests", Verdict.INCONCLUSIVE, said))
        return found

    @property
    def replayed(self) -> Replayed:
        """As it is judged."""
        new, serving = self.new, self.serving
        return Replayed(
            labelled=Counts(new.labelled, new.labelled - new.labelled_right),
            flips=Flips(self.both, self.won, self.lost),
            new_ms=new.times,
            serving_ms=[] if serving is None else serving.times,
            serving=serving is not None,
        )

    @property
    def verdict(self) -> Verdict:
        return verdict_of(self.findings)

    @property
    def why(self) -> str:
        """The findings that decided it."""
        return sentences_of(self.findings, self.verdict)

    @property
    def output(self) -> Json:
        """In short: what the step's output and the chain of events have."""
        new = self.new
        return {
            "requests": self.asked,
            "passed": new.right,
            "median_ms": _rounded(percentile(new.times, 0.5)) if new.times else None,
            "max_ms": _rounded(max(new.times)) if new.times else None,
            "verdict": self.verdict.value,
            "findings": _listed(self.findings),
        }

    def report(self) -> Report:
        """In full."""
        document: Json = {
            "verdict": self.verdict.value,
            "findings": _listed(self.findings),
            "from": self.since.isoformat(),
            "to": None if self.until is None else self.until.isoformat(),
            "asked": self.asked,
            "of": self.of,
            "new": self._arm(self.new),
            "serving": None if self.serving is None else self._arm(self.serving),
            "wrong": self.wrong,
            "wrong_number": self.wrong_number,
        }
        if self.serving is not None:
            document["agreement"] = {"same": self.same, "of": self.compared}
            document["flips"] = {"won": self.won, "lost": self.lost, "listed": self.flips}
        if self.both:
            flips = Flips(self.both, self.won, self.lost)
            bounds = bounds_of_difference(flips, confidence=1 - self.rules.alpha)
            document["difference"] = {"points": _points(flips.difference), "interval": [*map(_points, bounds)]}
        return Report(GOLDEN, self.verdict.value, document)

    def _arm(self, arm: _Arm) -> Json:
        shown_arm: Json = {
            "deployment": arm.name,
            "right": arm.right,
            "unanswered": arm.unanswered,
            "labelled": arm.labelled,
            "labelled_right": arm.labelled_right,
            "times": len(arm.times),
            "latency_ms": {f"p{share * 100:g}": _rounded(percentile(arm.times, share)) for share in _SHARES}
            if arm.times
            else None,
        }
        if arm.labelled:
            counts = Counts(arm.labelled, arm.labelled - arm.labelled_right)
            bounds = accuracy_interval(counts, confidence=1 - self.rules.alpha)
            shown_arm["accuracy"] = {"percent": _points(1 - counts.rate), "interval": [*map(_points, bounds)]}
        return shown_arm


class Replay:
    """Of all golden requests, once to each; then again for the times, as often as the rules ask."""

    def __init__(
        self,
        rules: ReplayRules,
        requests: Sequence[Golden],
        *,
        context: Context,
        ask: Callable[[Golden, int], Answer],
        scoring: Scoring,
        serving: str | None,
        name: str,
    ) -> None:
        """``ask``: the new deployment, by the request's number. ``serving``: who serves; None: nobody."""
        self._rules, self._requests, self._context = rules, requests, context
        self._ask, self._scoring, self._serving = ask, scoring, serving
        self._labels_at = "$" if rules.accuracy is None else rules.accuracy.path
        self._result = Result(
            rules,
            len(requests),
            since=context.now(),
            new=_Arm(name),
            serving=None if serving is None else _Arm(serving),
        )

    def carry_out(self) -> Result:
        """Raises Refused with what was measured until then, or AzureMLError for what may pass."""
        over = time.monotonic() + 60 * self._rules.within_minutes
        result = self._result
        try:
            if self._requests and self._rules.latency is not None:
                self._pair(self._requests[0], 1, new_first=True)  # what loads at the first request is not timed
            for turn in range(self._turns):
                if time.monotonic() >= over:
                    break
                number = turn % len(self._requests) + 1
                golden = self._requests[number - 1]
                new, serving = self._pair(golden, number, new_first=bool(turn % 2))
                if serving is not None and result.serving is not None:
                    result.new.times.append(new.seconds * 1000)
                    result.serving.times.append(serving.seconds * 1000)
                elif result.serving is None:
                    result.new.times.append(new.seconds * 1000)
                if turn < len(self._requests):
                    self._note(golden, number, new, serving)
        except Refused as refused:
            result.until = self._context.now()
            refused.report = result.report()
            raise
        result.until = self._context.now()
        return result

    @property
    def _turns(self) -> int:
        """Whole rounds, so that each request counts as often as the others."""
        number, latency = len(self._requests), self._rules.latency
        if not number or latency is None or self._serving is None:
            return number
        return number * -(-latency.minimum_requests // number)

    def _pair(self, golden: Golden, number: int, *, new_first: bool) -> tuple[Answer, Answer | None]:
        """The same request to both, one right after the other. Who is first changes: what one warms up, the other has for nothing."""
        self._context.checkpoint()
        if new_first:
            new = self._ask(golden, number)
            return new, self._ask_serving(golden)
        serving = self._ask_serving(golden)
        return self._ask(golden, number), serving

    def _ask_serving(self, golden: Golden) -> Answer | None:
        """None: nobody serves, or no answer came: that is no fault of the new deployment."""
        if self._serving is None:
            return None
        try:
            answer = self._scoring.ask(golden.request, deployment=self._serving)
        except (ConnectionLost, TimedOut, AnswerTooLarge):
            return None
        return answer if answer.status == 200 and answer.deployment in {None, self._serving} else None

    def _note(self, golden: Golden, number: int, new: Answer, serving: Answer | None) -> None:
        result, is_right = self._result, golden.is_right(new.body, labels_at=self._labels_at)
        result.asked += 1
        _count(result.new, golden, is_right=is_right)
        said = {"number": number, "expected": shown(golden.right), "new": self._shown(golden, new)}
        if not is_right and not golden.is_labelled:
            result.wrong_number += 1
            if len(result.wrong) < MOST_LISTED:
                result.wrong.append(said)
        if result.serving is None:
            return
        if serving is None:
            result.serving.unanswered += 1
            return
        was_right = golden.is_right(serving.body, labels_at=self._labels_at)
        _count(result.serving, golden, is_right=was_right)
        result.compared += 1
        is_same = (is_right and was_right) or self._are_same(golden, new, serving)
        result.same += is_same
        if golden.is_labelled:
            result.both += 1
            result.won += is_right and not was_right
            result.lost += was_right and not is_right
        if not is_same and len(result.flips) < MOST_LISTED:
            change = "differs" if is_right == was_right else "won" if is_right else "lost"
            result.flips.append({**said, "serving": self._shown(golden, serving), "change": change})

    def _are_same(self, golden: Golden, new: Answer, serving: Answer) -> bool:
        one, other = (golden.found_in(each.body, labels_at=self._labels_at) for each in (new, serving))
        within = golden.tolerance
        return holds(one, other, tolerance=within) and holds(other, one, tolerance=within)

    def _shown(self, golden: Golden, answer: Answer) -> str:
        found = golden.found_in(answer.body, labels_at=self._labels_at)
        if found is NOTHING:
            return f"nothing at its path in {shown(answer.body)}"
        not_json = f" (not JSON: {answer.not_json})" if answer.not_json else ""
        return f"{shown(found)}{not_json}"


def _count(arm: _Arm, golden: Golden, *, is_right: bool) -> None:
    arm.right += is_right
    if golden.is_labelled:
        arm.labelled += 1
        arm.labelled_right += is_right


def _listed(findings: Sequence[Finding]) -> list[Json]:
    return [{"metric": each.metric, "verdict": each.verdict.value, "sentence": each.sentence} for each in findings]


def _points(share: float) -> float:
    return round(100 * share, 3)


def _rounded(value: Any) -> float:
    return round(float(value), 2)
