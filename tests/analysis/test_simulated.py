"""Simulated rollouts: a good canary is not stopped by noise, and what can be found is what was said."""

import numpy as np
import pytest

from app.analysis.counts import Counts, Pair
from app.analysis.power import Traffic, power, smallest_found
from app.analysis.rate_rule import RateRule, at_the_end, while_baking
from app.analysis.verdict import Verdict

ALPHA = 0.05
PLAIN = RateRule("errors", ratio=1.0, floor=0.0)  # no margin: the hardest case for a good one


def simulated(rng: np.random.Generator, traffic: Traffic, looks: int, usual: float, canary: float) -> list[Pair]:
    n1, n0 = traffic.canary // looks, traffic.baseline // looks
    return [
        Pair(Counts(n1, int(rng.binomial(n1, canary))), Counts(n0, int(rng.binomial(n0, usual)))) for _ in range(looks)
    ]


@pytest.mark.parametrize(("per_minute", "weight", "rate"), [(100, 5, 0.01), (100, 20, 0.01), (100, 50, 0.02)])
def test_good_canary_is_hardly_ever_stopped_by_a_look_each_minute(per_minute: int, weight: int, rate: float) -> None:
    """1,000 rollouts, 30 looks each. Twice 5% at most: once for the looks, once for the end."""
    rng, traffic = np.random.default_rng(1), Traffic.of(per_minute=per_minute, weight=weight, minutes=30)
    stopped = failed = 0
    for _ in range(1000):
        minutes = simulated(rng, traffic, 30, rate, rate)
        stopped += any(while_baking(PLAIN, [minutes[:look]], alpha=ALPHA) for look in range(1, 31))
        failed += at_the_end(PLAIN, minutes, alpha=ALPHA).verdict is Verdict.FAILED

    assert stopped / 1000 <= ALPHA
    assert failed / 1000 <= ALPHA + 0.015  # two standard errors above what it may be


# Requests a minute, weight in percent, usual and bad rate, how often one test at the end finds it: 1,000 runs that others simulated
POWERS = [
    (100, 5, 0.0, 1.0, 1.0),
    (20, 5, 0.0, 1.0, 1.0),
    (100, 5, 0.005, 0.05, 0.95),
    (20, 20, 0.005, 0.05, 0.85),
    (100, 5, 0.005, 0.02, 0.44),
    (100, 20, 0.005, 0.02, 0.90),
    (1000, 5, 0.005, 0.02, 1.0),
    (1000, 5, 0.005, 0.01, 0.68),
    (100, 5, 0.0, 0.01, 0.43),
]


@pytest.mark.parametrize(("per_minute", "weight", "usual", "bad", "expected"), POWERS)
def test_power_table(per_minute: int, weight: int, usual: float, bad: float, expected: float) -> None:
    traffic = Traffic.of(per_minute=per_minute, weight=weight, minutes=30)

    assert power(traffic, usual=usual, bad=bad, ratio=1, alpha=ALPHA) == pytest.approx(expected, abs=0.04)


def test_power_is_what_is_found_in_simulated_rollouts() -> None:
    rng, traffic = np.random.default_rng(2), Traffic.of(per_minute=100, weight=5, minutes=30)
    rule = RateRule("errors")
    found = sum(
        at_the_end(rule, simulated(rng, traffic, 1, 0.005, 0.05), alpha=ALPHA).verdict is Verdict.FAILED
        for _ in range(1000)
    )

    said = power(traffic, usual=0.005, bad=0.05, ratio=rule.ratio, alpha=ALPHA, floor=rule.floor)
    assert found / 1000 == pytest.approx(said, abs=0.04)


def test_smallest_rate_that_is_found_is_said() -> None:
    traffic = Traffic.of(per_minute=100, weight=5, minutes=30)
    smallest = smallest_found(traffic, usual=0.005, ratio=1, alpha=ALPHA)

    assert smallest is not None
    assert 0.02 < smallest < 0.05
    assert power(traffic, usual=0.005, bad=smallest, ratio=1, alpha=ALPHA) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("traffic", [Traffic(0, 100), Traffic(10, 0), Traffic(1, 19)])
def test_too_little_traffic_finds_nothing(traffic: Traffic) -> None:
    assert smallest_found(traffic, usual=0.3, ratio=2, alpha=ALPHA) is None
