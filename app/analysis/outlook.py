"""What an analysis can say of a bake with the traffic that there usually is. Told before a release, in numbers that people approve."""

import math
from dataclasses import dataclass

from app.analysis.counts import Counts, Pair
from app.analysis.difference import upper_bound_of_difference
from app.analysis.power import Traffic, smallest_found
from app.analysis.rate_rule import RateRule

MISSED = 0.5  # how likely a bad canary is found at most, to say that it is not
_MOST = 10_000  # requests of a canary; with more it finds more, and to work that out takes long


@dataclass(frozen=True)
class Outlook:
    """Of one bake. ``found`` is an error rate that is found, ``missed`` one that is not, from 0 to 1 and rounded for people.

    ``found`` None: not even a canary that always fails is found. ``can_pass``: whether a canary as good as the baseline is proven to be.
    """

    traffic: Traffic
    found: float | None
    missed: float | None
    can_pass: bool


def look_ahead(rule: RateRule, traffic: Traffic, *, usual: float, alpha: float) -> Outlook:
    """``usual``: the rate of bad requests of what serves, from 0 to 1. ``alpha``: of this metric's test."""
    at_most = min(1.0, _MOST / traffic.canary) if traffic.canary else 1.0
    counted = Traffic(round(traffic.canary * at_most), round(traffic.baseline * at_most))
    test = {"usual": usual, "ratio": rule.ratio, "alpha": alpha, "floor": rule.floor}
    found, missed = smallest_found(counted, **test), smallest_found(counted, **test, chance=MISSED)
    return Outlook(
        traffic,
        None if found is None else _rounded(found, up=True),
        None if missed is None else _rounded(missed, up=False),
        can_pass(rule, traffic, usual=usual),
    )


def can_pass(rule: RateRule, traffic: Traffic, *, usual: float) -> bool:
    """Whether ``rate_rule.at_the_end`` finds a canary as good as the baseline to be so, with the errors that are to be expected."""
    pair = Pair(_expected(traffic.canary, usual), _expected(traffic.baseline, usual))
    if pair.canary.requests < max(rule.minimum_requests, 1) or not pair.baseline.requests:
        return False
    if rule.highest is not None and usual > rule.highest:
        return False
    if not pair.canary.bad and not pair.baseline.bad:
        return pair.canary.requests >= math.ceil(3 / rule.margin)
    return upper_bound_of_difference(pair) < rule.margin


def _expected(requests: int, rate: float) -> Counts:
    return Counts(requests, round(requests * rate))


def _rounded(rate: float, *, up: bool) -> float:
    """To whole percent, below that to one digit: nobody knows next week's traffic better."""
    percent = rate * 100
    unit = 1.0 if percent >= 1 or percent <= 0 else 10.0 ** math.floor(math.log10(percent))
    steps = round(percent / unit, 6)
    return (math.ceil(steps) if up else math.floor(steps)) * unit / 100
