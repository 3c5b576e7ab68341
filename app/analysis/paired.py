"""The difference of two accuracies that were measured on the same requests.

Only requests that one answers rightly and the other wrongly say anything. Interval and test are Tango's score (Statistics in Medicine 17,
1998, 891-908): right also where no request or few differ, where the usual ones give an interval of no width.
"""

import math
from dataclasses import dataclass

from scipy.optimize import brentq
from scipy.stats import binom, norm

_CLOSEST = 1e-9  # to -1 and 1, where the score ends


@dataclass(frozen=True)
class Flips:
    """Of ``requests`` that both answered: which only the new one has right (``won``), and which only the serving one (``lost``)."""

    requests: int
    won: int
    lost: int

    def __post_init__(self) -> None:
        if min(self.won, self.lost) < 0 or self.won + self.lost > self.requests:
            raise ValueError(f"{self.won} won and {self.lost} lost of {self.requests} requests cannot be")

    @property
    def difference(self) -> float:
        """The new accuracy less the serving one, from -1 to 1."""
        return (self.won - self.lost) / self.requests if self.requests else 0.0


def score_of(flips: Flips, difference: float) -> float:
    """How many standard errors what was seen is above this difference. Raises ValueError without a request."""
    n, won, lost, d = flips.requests, flips.won, flips.lost, difference
    if not n:
        raise ValueError("without a request of both there is nothing to compare")
    b, c = (2 * n - won + lost) * d - won - lost, -lost * d * (1 - d)
    losing = (math.sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)  # its most likely rate, were this the difference
    variance = n * (2 * losing + d * (1 - d))
    distance = won - lost - n * d
    if variance <= 0:
        return 0.0 if abs(distance) < _CLOSEST else math.copysign(math.inf, distance)
    return distance / math.sqrt(variance)


def bounds_of_difference(flips: Flips, *, confidence: float = 0.95) -> tuple[float, float]:
    """One-sided each: it is no lower than the first, and no higher than the second. Raises ValueError without a request."""
    z = float(norm.ppf(confidence))
    low, high, seen = -1 + _CLOSEST, 1 - _CLOSEST, flips.difference
    lower = low if score_of(flips, low) <= z else _root(flips, z, low, min(seen, high))
    upper = high if score_of(flips, high) >= -z else _root(flips, -z, max(seen, low), high)
    return lower, upper


def is_less_accurate(flips: Flips, *, margin: float, alpha: float) -> bool:
    """Whether the new one is less accurate by more than ``margin``, from 0 to 1, and that is no chance.

    The score is too eager where few requests differ: so many lost ones must be no chance by the exact binomial test, too. With a margin
    of 0 that is McNemar's exact test.
    """
    if flips.difference >= -margin:
        return False
    if margin == 0:
        chance = float(binom.sf(flips.lost - 1, flips.won + flips.lost, 0.5))
    else:
        chance = float(binom.sf(flips.lost - 1, flips.requests, min(1.0, margin + flips.won / flips.requests)))
    return chance < alpha and float(norm.cdf(score_of(flips, -margin))) < alpha


def _root(flips: Flips, z: float, low: float, high: float) -> float:
    return float(brentq(lambda difference: score_of(flips, difference) - z, low, high, xtol=1e-9))
