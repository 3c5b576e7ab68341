"""How much worse a canary's rate may be at most: the score interval of a difference of two rates.

By Miettinen and Nurminen (Statistics in Medicine 1985), whose restricted estimates are those of Farrington and Manning (1990). It is for
the upper bound only: as a test of "worse" it is far too eager at one to three errors. No library has it right where an arm is without
an error: statsmodels 0.15 raises ValueError there, and its restricted estimates are a little off.
"""

import math

from scipy.optimize import brentq
from scipy.stats import norm

from app.analysis.counts import Pair

_CLOSEST = 1e-9  # to -1 and 1, where the estimates end


def upper_bound_of_difference(pair: Pair, *, confidence: float = 0.95) -> float:
    """Of the canary's rate less the baseline's, from -1 to 1: with this confidence it is no higher.

    Raises ValueError where one of them had no request.
    """
    return _bound(pair, -float(norm.ppf(confidence)), low=max(pair.difference, -1 + _CLOSEST), high=1 - _CLOSEST)


def lower_bound_of_difference(pair: Pair, *, confidence: float = 0.95) -> float:
    """As ``upper_bound_of_difference``: it is no lower."""
    return _bound(pair, float(norm.ppf(confidence)), low=-1 + _CLOSEST, high=min(pair.difference, 1 - _CLOSEST))


def score(pair: Pair, difference: float) -> float:
    """How many standard errors the canary's rate is above the baseline's plus ``difference``."""
    n1, n0 = pair.canary.requests, pair.baseline.requests
    if not n1 or not n0:
        raise ValueError("without a request of both there is nothing to compare")
    p0 = restricted_rate(pair, difference)
    p1 = min(max(p0 + difference, 0.0), 1.0)
    total = n1 + n0
    variance = (p1 * (1 - p1) / n1 + p0 * (1 - p0) / n0) * total / (total - 1)
    distance = pair.difference - difference
    if variance <= 0:
        return 0.0 if distance == 0 else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def restricted_rate(pair: Pair, difference: float) -> float:
    """The baseline's rate that is the most likely one, if the canary's is higher by exactly ``difference``."""
    x1, n1, x0, n0, d = pair.canary.bad, pair.canary.requests, pair.baseline.bad, pair.baseline.requests, difference
    cubic = n1 + n0
    square = (n1 + 2 * n0) * d - cubic - x1 - x0
    linear = (n0 * d - cubic - 2 * x0) * d + x1 + x0
    constant = x0 * d * (1 - d)
    # The trigonometric solution of the cubic equation: its three roots are real.
    third = square / (3 * cubic)
    q = third**3 - square * linear / (6 * cubic**2) + constant / (2 * cubic)
    p = math.copysign(math.sqrt(max(third**2 - linear / (3 * cubic), 0.0)), q)
    cosine = 0.0 if p == 0 else min(max(q / p**3, -1.0), 1.0)
    angle = (math.pi + math.acos(cosine)) / 3
    return min(max(2 * p * math.cos(angle) - third, max(0.0, -d)), min(1.0, 1 - d))


def _bound(pair: Pair, z: float, *, low: float, high: float) -> float:
    """The difference from which the canary is ``z`` standard errors away."""
    if score(pair, low) <= z:
        return low
    if score(pair, high) >= z:
        return high
    return float(brentq(lambda difference: score(pair, difference) - z, low, high, xtol=1e-9))
