"""The interpreter of verdicts: good canaries are seldom stopped however often one looks, bad ones are, and silence never passes."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.canary import ERRORS, Probes, Seen, judge_canary, look_at_canary, probes_wanted
from app.analysis.counts import Counts, Pair, total
from app.analysis.minutes import MINUTE, is_failure, latencies_of, pairs_of
from app.analysis.verdict import Verdict, verdict_of
from app.azureml.metrics import LatencyMinute, RequestMinute
from app.planning.analysis import AnalysisRules, ErrorRules

AT = datetime(2026, 11, 27, 10, tzinfo=UTC)
RULES = AnalysisRules()
ONLY_ERRORS = AnalysisRules(latency=None)
STRICT = AnalysisRules(latency=None, errors=ErrorRules(ratio=1, floor=0))


def rollout(
    random: np.random.Generator, *, per_minute: int, weight: float, minutes: int, usual: float, bad: float
) -> list[Pair]:
    """One canary's minutes: requests fall to it by chance, and fail by chance."""
    found = []
    for _ in range(minutes):
        new = int(random.binomial(per_minute, weight))
        old = per_minute - new
        found.append(Pair(Counts(new, int(random.binomial(new, bad))), Counts(old, int(random.binomial(old, usual)))))
    return found


def is_found_early(rules: AnalysisRules, minutes: list[Pair], *, earlier: Sequence[Pair] = ()) -> bool:
    """By a look every minute."""
    looks = (Seen(minutes[: number + 1], earlier=earlier) for number in range(len(minutes)))
    return any(look_at_canary(rules, seen) is not None for seen in looks)


def is_stopped(rules: AnalysisRules, minutes: list[Pair], *, earlier: Sequence[Pair] = ()) -> bool:
    """Looked at every minute, and once more at the end."""
    if is_found_early(rules, minutes, earlier=earlier):
        return True
    return verdict_of(judge_canary(rules, Seen(minutes, earlier=earlier))) is Verdict.FAILED


@pytest.mark.parametrize(("per_minute", "weight", "usual"), [(100, 0.05, 0.01), (100, 0.2, 0.01), (100, 0.5, 0.02)])
def test_good_canaries_are_stopped_in_one_of_twenty_at_most(per_minute: int, weight: float, usual: float) -> None:
    """A thousand rollouts in all; at the strictest rules, by which no difference at all is tolerated."""
    random = np.random.default_rng(20261127)

    stopped = sum(
        is_stopped(STRICT, rollout(random, per_minute=per_minute, weight=weight, minutes=30, usual=usual, bad=usual))
        for _ in range(334)
    )

    assert stopped / 334 <= 0.05 + 2 * (0.05 * 0.95 / 334) ** 0.5  # the sheet's own numbers are 3 to 5 % for both tests


@pytest.mark.parametrize(("per_minute", "weight", "usual"), [(100, 0.05, 0.01), (100, 0.2, 0.01), (100, 0.5, 0.02)])
def test_by_the_usual_rules_good_canaries_are_hardly_ever_stopped(per_minute: int, weight: float, usual: float) -> None:
    """Two shares of a thousand rollouts in all, each judged at its end, and the first one's evidence counted on."""
    random = np.random.default_rng(12)
    stopped = 0
    for _ in range(334):
        first = rollout(random, per_minute=per_minute, weight=weight, minutes=15, usual=usual, bad=usual)
        second = rollout(random, per_minute=per_minute, weight=0.25, minutes=15, usual=usual, bad=usual)
        stopped += is_stopped(ONLY_ERRORS, first) or is_stopped(ONLY_ERRORS, second, earlier=[total(first)])

    assert stopped / 334 <= 0.05


@pytest.mark.parametrize(
    ("per_minute", "weight", "usual", "bad", "end", "looks"),
    [
        (100, 0.05, 0.0, 1.0, 1.0, 1.0),
        (20, 0.05, 0.0, 1.0, 1.0, 1.0),
        (100, 0.05, 0.005, 0.05, 0.95, 0.89),
        (20, 0.2, 0.005, 0.05, 0.85, 0.74),
        (100, 0.05, 0.005, 0.02, 0.44, 0.27),
        (100, 0.2, 0.005, 0.02, 0.90, 0.75),
        (1000, 0.05, 0.005, 0.02, 1.0, 0.99),
        (1000, 0.05, 0.005, 0.01, 0.68, 0.26),
        (100, 0.05, 0.0, 0.01, 0.43, 0.43),
    ],
)
def test_bad_canaries_are_found_as_often_as_published(
    per_minute: int, weight: float, usual: float, bad: float, end: float, looks: float
) -> None:
    """By one test at the end, and by a look every minute; 200 runs, so that a tenth is three standard errors."""
    random = np.random.default_rng(7)
    found = [
        rollout(random, per_minute=per_minute, weight=weight, minutes=30, usual=usual, bad=bad) for _ in range(200)
    ]

    at_the_end = [verdict_of(judge_canary(STRICT, Seen(minutes))) is Verdict.FAILED for minutes in found]
    assert np.mean(at_the_end) == pytest.approx(end, abs=0.1)
    assert np.mean([is_found_early(STRICT, minutes) for minutes in found]) == pytest.approx(looks, abs=0.1)


def test_evidence_of_smaller_shares_counts_on() -> None:
    half = [Pair(Counts(20, 1), Counts(380, 0))]
    assert look_at_canary(ONLY_ERRORS, Seen(half)) is None

    found = look_at_canary(ONLY_ERRORS, Seen(half, earlier=half))

    assert found is not None
    assert found.metric == ERRORS


def test_silence_never_passes_and_probes_can_decide() -> None:
    assert verdict_of(judge_canary(RULES, Seen([]))) is Verdict.NO_DATA
    probes = Probes(Pair(Counts(300), Counts(300)), [10.0 + each % 7 for each in range(300)], [10.0] * 300)

    found = judge_canary(RULES, Seen([]), probes)
    assert verdict_of(found) is Verdict.INCONCLUSIVE  # 13 ms in the middle, and 13 are tolerated
    same = Probes(probes.pair, [10.0 + each % 2 for each in range(300)], [10.0 + each % 2 for each in range(300)])
    assert verdict_of(judge_canary(RULES, Seen([]), same)) is Verdict.PASSED
    slow = Probes(probes.pair, [30.0 + each % 2 for each in range(300)], [10.0 + each % 2 for each in range(300)])
    assert verdict_of(judge_canary(RULES, Seen([]), slow)) is Verdict.FAILED


def test_probes_are_as_many_as_are_missing() -> None:
    assert probes_wanted(RULES, Seen([])) == 300
    assert probes_wanted(RULES, Seen([Pair(Counts(200), Counts(800))])) == 100
    assert probes_wanted(RULES, Seen([Pair(Counts(2000), Counts(800))])) == 30


def test_where_what_serves_fails_as_often_that_is_said() -> None:
    burning = [Pair(Counts(20, 8), Counts(200, 80))] * 5

    (found,) = judge_canary(ONLY_ERRORS, Seen(burning))

    assert found.verdict is Verdict.FAILED
    assert "What serves fails itself: 400 of 1000 requests (40.00%)." in found.sentence


def test_minutes_of_azure_monitor_become_pairs() -> None:
    found = [
        RequestMinute(AT, "new", 200, 9),
        RequestMinute(AT, "new", 424, 1),
        RequestMinute(AT, "old", 200, 90),
        RequestMinute(AT, "old", 404, 5),
        RequestMinute(AT, "other", 500, 50),
        RequestMinute(AT + MINUTE, "old", 503, 2),
    ]
    pairs = pairs_of(found, canary="new", baseline={"old"})
    assert pairs == {AT: Pair(Counts(10, 1), Counts(95)), AT + MINUTE: Pair(Counts(0), Counts(2, 2))}

    latencies = [LatencyMinute(AT, "new", p95=20.0), LatencyMinute(AT, "old", p95=10.0)]
    late = [*latencies, LatencyMinute(AT + timedelta(minutes=1), "new", p95=5.0)]
    (minute,) = latencies_of(late, pairs, percentile="p95", canary="new", baseline={"old"})
    assert (minute.requests, minute.canary, minute.baseline) == (10, 20.0, 10.0)


@pytest.mark.parametrize(("status", "fails"), [(200, False), (400, False), (401, False), (404, False), (408, True)])
def test_errors_of_callers_do_not_count(status: int, *, fails: bool) -> None:
    assert is_failure(status) is fails
    assert is_failure(424)
    assert is_failure(500)


counts = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda n: Counts(n[0] + n[1], n[0]))
pairs = st.builds(Pair, counts, counts)


@given(st.lists(pairs, max_size=6), st.lists(pairs, max_size=2), st.none() | pairs)
def test_whatever_was_measured_it_passes_by_proof_only(
    minutes: list[Pair], earlier: list[Pair], sent: Pair | None
) -> None:
    probes = None if sent is None else Probes(sent, [1.0] * sent.canary.requests, [1.0] * sent.baseline.requests)
    seen = Seen(minutes, earlier=earlier)

    findings = judge_canary(RULES, seen, probes)

    assert [each.metric for each in findings] == ["errors", "P95"]
    assert all(each.sentence.endswith(".") for each in findings)
    known = total([*minutes, *([] if sent is None else [sent])])
    if verdict_of(findings) is Verdict.PASSED:
        assert known.canary.requests >= RULES.errors.minimum_requests
        assert known.baseline.requests
    early = look_at_canary(RULES, seen)
    assert early is None or early.verdict is Verdict.FAILED
    assert 30 <= probes_wanted(RULES, seen) <= 300


@given(st.lists(pairs, min_size=1, max_size=6), st.randoms(use_true_random=False))
def test_more_failures_never_make_it_better(minutes: list[Pair], chance: Random) -> None:
    worse = [
        Pair(Counts(each.canary.requests, chance.randint(each.canary.bad, each.canary.requests)), each.baseline)
        for each in minutes
    ]

    if verdict_of(judge_canary(ONLY_ERRORS, Seen(minutes))) is Verdict.FAILED:
        assert verdict_of(judge_canary(ONLY_ERRORS, Seen(worse))) is Verdict.FAILED
    if verdict_of(judge_canary(ONLY_ERRORS, Seen(worse))) is Verdict.PASSED:
        assert verdict_of(judge_canary(ONLY_ERRORS, Seen(minutes))) is Verdict.PASSED
