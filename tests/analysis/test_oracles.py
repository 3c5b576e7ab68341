"""The statistics against numbers that were computed elsewhere: by other formulas, by direct maximisation, by scipy's own tests."""

import math

import pytest

from app.analysis.counts import Counts, Pair
from app.analysis.difference import (
    lower_bound_of_difference,
    restricted_rate,
    score,
    upper_bound_of_difference,
)
from app.analysis.rates import log_e_value, lower_bound, p_value, theta, upper_bound


def pair(x1: int, n1: int, x0: int, n0: int) -> Pair:
    return Pair(Counts(n1, x1), Counts(n0, x0))


# x1, n1, x0, n0, p (ratio 1), p (ratio 2), z (d = 0), z (d = 0.01), lower and upper of the 90% interval
TABLE = [
    (0, 60, 0, 1140, 1, 1, 0, -0.77817, -0.0023696, 0.043181),
    (1, 60, 2, 1140, 0.14263, 0.25937, 2.2536, 0.3509, 0.0016583, 0.069612),
    (3, 60, 4, 1140, 0.003757, 0.022532, 4.6072, 2.3815, 0.016428, 0.11524),
    (6, 60, 4, 1140, 2.7546e-6, 1.1158e-4, 8.0104, 5.4578, 0.048955, 0.17849),
    (2, 200, 10, 3800, 0.11836, 0.31903, 1.8569, -0.33176, 0.00045598, 0.027162),
    (8, 200, 10, 3800, 1.0862e-6, 1.2290e-4, 7.6949, 3.4011, 0.019978, 0.066993),
    (20, 1000, 100, 19000, 2.2072e-6, 0.0095975, 5.8815, 1.2073, 0.0085721, 0.023454),
    (5, 20, 0, 380, 3.125e-7, 7.8353e-6, 9.796, 9.5504, 0.12727, 0.43244),
]


@pytest.mark.parametrize(("x1", "n1", "x0", "n0", "p1", "p2", "z0", "z1", "low", "high"), TABLE)
def test_table_of_two_rates(
    x1: int, n1: int, x0: int, n0: int, p1: float, p2: float, z0: float, z1: float, low: float, high: float
) -> None:
    both = pair(x1, n1, x0, n0)

    assert p_value(both, ratio=1) == pytest.approx(p1, rel=1e-3)
    assert p_value(both, ratio=2) == pytest.approx(p2, rel=1e-3)
    assert score(both, 0) == pytest.approx(z0, rel=1e-3, abs=1e-9)
    assert score(both, 0.01) == pytest.approx(z1, rel=1e-3)
    assert lower_bound_of_difference(both) == pytest.approx(low, rel=1e-3)
    assert upper_bound_of_difference(both) == pytest.approx(high, rel=1e-3)


def test_restricted_estimate_maximises_the_likelihood() -> None:
    assert restricted_rate(pair(3, 60, 4, 1140), 0.01) == pytest.approx(0.0040606, abs=1e-6)


@pytest.mark.parametrize("difference", [-0.3, -0.02, 0.0, 0.004, 0.1, 0.6])
@pytest.mark.parametrize("counts", [(0, 60, 0, 1140), (3, 60, 4, 1140), (60, 60, 0, 40), (20, 1000, 100, 19000)])
def test_no_other_rate_is_more_likely(counts: tuple[int, int, int, int], difference: float) -> None:
    x1, n1, x0, n0 = counts

    def likelihood(p0: float) -> float:
        p1 = p0 + difference
        return sum(
            count * math.log(chance) if chance > 0 else (0.0 if count == 0 else -math.inf)
            for count, chance in ((x1, p1), (n1 - x1, 1 - p1), (x0, p0), (n0 - x0, 1 - p0))
        )

    found = restricted_rate(pair(*counts), difference)
    low, high = max(0.0, -difference), min(1.0, 1 - difference)
    others = [low + (high - low) * step / 400 for step in range(401)]
    assert likelihood(min(max(found, low + 1e-12), high - 1e-12)) >= max(map(likelihood, others)) - 1e-6


@pytest.mark.parametrize(
    ("share", "canary", "baseline", "expected"),
    [
        (0.05, 0, 10, 0.090909),
        (0.05, 1, 10, 0.23485),
        (0.05, 3, 4, 36.911),
        (0.05, 4, 6, 99.173),
        (0.05, 8, 10, 54134),
        (0.10, 3, 7, 1.7273),
        (0.10, 10, 10, 8213.2),
        (0.50, 12, 4, 4.1324),
        (0.50, 5, 0, 10.5),
        (0.50, 6, 0, 18.14),
        (0.50, 7, 0, 31.87),
        (0.50, 9, 1, 18.51),
        (0.50, 10, 2, 9.441),
        (0.50, 15, 5, 6.356),
        (0.50, 15, 15, 0.2233),
        (0.05, 9, 60, 2.9416),  # slower than a limit: 9 of 120 against 60 of 2280
    ],
)
def test_table_of_e_values(share: float, canary: int, baseline: int, expected: float) -> None:
    assert math.exp(log_e_value(canary, baseline, share)) == pytest.approx(expected, rel=1e-3)


def test_slower_than_a_limit_is_counted_like_an_error() -> None:
    both = pair(9, 120, 60, 2280)

    assert theta(both, ratio=1) == pytest.approx(0.05)
    assert p_value(both, ratio=1) == pytest.approx(0.0073135, rel=1e-3)


@pytest.mark.parametrize(
    ("bad", "requests", "expected"),
    [(0, 20, 0.13911), (0, 60, 0.048703), (0, 299, 0.0099691), (1, 100, 0.04656), (3, 60, 0.12419)],
)
def test_upper_bound_of_one_rate(bad: int, requests: int, expected: float) -> None:
    assert upper_bound(Counts(requests, bad)) == pytest.approx(expected, rel=1e-3)


def test_bounds_of_one_rate_hold_it() -> None:
    assert lower_bound(Counts(60, 0)) == 0
    assert upper_bound(Counts(60, 60)) == 1
    assert lower_bound(Counts(60, 3)) < 3 / 60 < upper_bound(Counts(60, 3))
    # What is the upper bound of the good ones is the lower bound of the bad ones.
    assert lower_bound(Counts(60, 3)) == pytest.approx(1 - upper_bound(Counts(60, 57)))


def test_nothing_is_compared_with_nothing() -> None:
    with pytest.raises(ValueError, match="nothing to compare"):
        theta(pair(0, 0, 0, 0), ratio=1)
    with pytest.raises(ValueError, match="nothing to compare"):
        upper_bound_of_difference(pair(0, 0, 1, 10))
    with pytest.raises(ValueError, match="cannot be"):
        Counts(1, 2)
    assert log_e_value(3, 0, 1.0) == 0
