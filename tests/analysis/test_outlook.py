"""What an analysis will find is told before, by the test that it will use."""

import pytest

from app.analysis.outlook import look_ahead
from app.analysis.power import Traffic, power
from app.analysis.rate_rule import RateRule

RULE = RateRule("errors", ratio=1.0, floor=0.0)


def of(*, per_minute: float, weight: float, minutes: float = 30) -> Traffic:
    return Traffic.of(per_minute=per_minute, weight=weight, minutes=minutes)


def test_names_a_rate_that_the_test_finds_and_one_that_it_does_not() -> None:
    traffic = of(per_minute=100, weight=5)
    seen = look_ahead(RULE, traffic, usual=0.005, alpha=0.05)
    assert seen.found is not None
    assert seen.missed is not None
    assert power(traffic, usual=0.005, bad=seen.found, ratio=1.0, alpha=0.05) >= 0.8
    assert power(traffic, usual=0.005, bad=seen.missed, ratio=1.0, alpha=0.05) <= 0.5
    assert (seen.found, seen.missed) == pytest.approx((0.04, 0.02))


@pytest.mark.parametrize("per_minute", [0, 0.2])
def test_finds_nothing_without_traffic(per_minute: float) -> None:
    seen = look_ahead(RULE, of(per_minute=per_minute, weight=5), usual=0.0, alpha=0.05)
    assert (seen.found, seen.can_pass) == (None, False)


def test_a_good_canary_passes_only_where_so_many_requests_come_that_the_margin_is_excluded() -> None:
    few, many = (look_ahead(RULE, of(per_minute=each, weight=5), usual=0.0, alpha=0.05) for each in (100, 200))
    assert (few.can_pass, many.can_pass) == (False, True)  # 150 and 300 requests: by the rule of three it takes 300


def test_a_baseline_that_is_worse_than_allowed_lets_no_canary_pass() -> None:
    rule = RateRule("errors", highest=0.05)
    assert not look_ahead(rule, of(per_minute=1000, weight=20), usual=0.1, alpha=0.05).can_pass


def test_much_traffic_is_worked_out_in_a_moment_and_finds_little_harm() -> None:
    seen = look_ahead(RULE, of(per_minute=1_000_000, weight=5, minutes=60), usual=0.01, alpha=0.05)
    assert seen.found is not None
    assert seen.found <= 0.02
    assert seen.can_pass
