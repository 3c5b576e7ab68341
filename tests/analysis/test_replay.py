"""Accuracy and latency on the same requests: numbers of others, and what each verdict takes."""

import numpy as np
import pytest

from app.analysis.counts import Counts
from app.analysis.paired import Flips, bounds_of_difference, is_less_accurate, score_of
from app.analysis.replay import Replayed, judge_replay
from app.analysis.verdict import Verdict, verdict_of
from app.planning.replay import AccuracyRules, ReplayLatencyRules, ReplayRules


def losing_at_most(points: float, **other: object) -> ReplayRules:
    return ReplayRules.model_validate({"accuracy": AccuracyRules(worse_by=points), **other})


def verdict(rules: ReplayRules, *, requests: int, won: int, lost: int) -> Verdict:
    seen = Replayed(labelled=Counts(requests, lost), flips=Flips(requests, won, lost))
    return verdict_of(judge_replay(rules, seen))


def test_interval_of_a_paired_difference_is_tango_s() -> None:
    # 36 both right, 12 and 2 only one of them, none both wrong: the example of Tango 1998 and Newcombe 1998.
    assert bounds_of_difference(Flips(50, 12, 2), confidence=0.975) == pytest.approx((0.0611, 0.3447), abs=1e-4)


@pytest.mark.parametrize(("won", "lost", "difference"), [(12, 2, 0.1), (3, 9, -0.05), (0, 4, 0.02), (5, 0, -0.01)])
def test_score_uses_the_most_likely_rates_under_the_difference(won: int, lost: int, difference: float) -> None:
    n = 60
    rates = np.linspace(max(0.0, -difference) + 1e-9, (1 - difference) / 2 - 1e-9, 400_001)
    likely = lost * np.log(rates) + won * np.log(rates + difference)
    likely += (n - won - lost) * np.log(1 - 2 * rates - difference)
    losing = rates[np.argmax(likely)]
    variance = n * (2 * losing + difference - difference**2)

    assert score_of(Flips(n, won, lost), difference) == pytest.approx(
        (won - lost - n * difference) / variance**0.5, rel=1e-3
    )


def test_model_that_lost_two_points_is_stopped_and_one_that_is_better_passes_with_a_flip() -> None:
    rules = losing_at_most(1)

    assert verdict(rules, requests=1000, won=2, lost=22) is Verdict.FAILED
    assert verdict(rules, requests=400, won=9, lost=1) is Verdict.PASSED
    assert verdict(rules, requests=400, won=0, lost=0) is Verdict.PASSED


def test_few_labels_prove_nothing_but_where_the_measured_value_is_to_decide() -> None:
    assert verdict(losing_at_most(1), requests=40, won=0, lost=0) is Verdict.INCONCLUSIVE
    assert verdict(losing_at_most(1), requests=0, won=0, lost=0) is Verdict.NO_DATA
    assert verdict(losing_at_most(1, judge="estimate"), requests=40, won=0, lost=0) is Verdict.PASSED
    assert verdict(losing_at_most(1, judge="estimate"), requests=40, won=0, lost=1) is Verdict.FAILED


def test_a_good_model_is_stopped_by_chance_no_more_often_than_allowed() -> None:
    random = np.random.default_rng(7)
    stopped = 0
    for _ in range(1000):  # loses exactly the point that is tolerated
        lost, won, _same = random.multinomial(500, [0.03, 0.02, 0.95])
        stopped += is_less_accurate(Flips(500, int(won), int(lost)), margin=0.01, alpha=0.05)

    assert stopped <= 65  # 5%, and what chance adds to that in 1,000 runs


@pytest.mark.parametrize(
    ("right", "of", "expected"),
    [(95, 100, Verdict.INCONCLUSIVE), (299, 300, Verdict.PASSED), (70, 100, Verdict.FAILED), (0, 0, Verdict.NO_DATA)],
)
def test_lowest_accuracy_holds_whatever_serves(right: int, of: int, expected: Verdict) -> None:
    rules = ReplayRules(accuracy=AccuracyRules(minimum=0.95))
    seen = Replayed(labelled=Counts(of, of - right), flips=Flips(0, 0, 0), serving=False)

    assert verdict_of(judge_replay(rules, seen)) is expected


@pytest.mark.parametrize(
    ("times_as_long", "expected"), [(1.0, Verdict.PASSED), (3.0, Verdict.FAILED), (1.3, Verdict.INCONCLUSIVE)]
)
def test_latency_is_compared_pair_by_pair(times_as_long: float, expected: Verdict) -> None:
    random = np.random.default_rng(3)
    serving = [float(each) for each in random.lognormal(3, 0.3, 60)]
    new = [each * times_as_long * float(random.lognormal(0, 0.05)) for each in serving]
    seen = Replayed(Counts(0), Flips(0, 0, 0), new_ms=new, serving_ms=serving)

    assert verdict_of(judge_replay(ReplayRules(latency=ReplayLatencyRules()), seen)) is expected


def test_slow_tail_alone_is_found() -> None:
    serving = [10.0 + each / 100 for each in range(200)]
    new = [each * (5 if number % 8 == 0 else 1) for number, each in enumerate(serving)]
    seen = Replayed(Counts(0), Flips(0, 0, 0), new_ms=new, serving_ms=serving)

    assert verdict_of(judge_replay(ReplayRules(latency=ReplayLatencyRules()), seen)) is Verdict.FAILED


def test_first_release_is_compared_with_nothing() -> None:
    rules = losing_at_most(1, latency=ReplayLatencyRules())

    assert judge_replay(rules, Replayed(Counts(3), Flips(0, 0, 0), serving=False)) == []
