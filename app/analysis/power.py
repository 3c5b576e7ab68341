"""What an analysis can find with the traffic that there is: told before a release, so that nobody trusts in what cannot be seen."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binom

from app.analysis.counts import Counts, Pair
from app.analysis.rates import is_worse

FOUND = 0.8  # how likely a bad canary is found, to say that it is


@dataclass(frozen=True)
class Traffic:
    """Requests of the canary and of the baseline in one bake."""

    canary: int
    baseline: int

    @classmethod
    def of(cls, *, per_minute: float, weight: float, minutes: float) -> "Traffic":
        """``weight``: the canary's share in percent."""
        requests = per_minute * minutes
        return cls(round(requests * weight / 100), round(requests * (1 - weight / 100)))


@dataclass(frozen=True)
class EndTest:
    """The exact test at the end of a bake, for this traffic: how many errors of the canary make it fail, whatever its rate is.

    ``chances``: of each number of errors that the baseline may have; ``needed``: of the canary beside so many.
    """

    canary: int
    chances: NDArray[Any]
    needed: NDArray[Any]

    @classmethod
    def of(cls, traffic: Traffic, *, usual: float, ratio: float, alpha: float, floor: float = 0.0) -> "EndTest":
        """``usual``: the baseline's error rate, from 0 to 1."""
        if not traffic.canary or not traffic.baseline:
            return cls(0, np.zeros(1), np.ones(1))
        errors = np.arange(
            int(binom.ppf(1e-9, traffic.baseline, usual)), int(binom.ppf(1 - 1e-9, traffic.baseline, usual)) + 1
        )
        needed = [_fewest_that_fail(traffic, int(each), ratio=ratio, alpha=alpha, floor=floor) for each in errors]
        return cls(traffic.canary, binom.pmf(errors, traffic.baseline, usual), np.array(needed))

    def finds(self, bad: float) -> float:
        """How likely it finds a canary with this error rate, from 0 to 1. Computed, not simulated."""
        return float(np.sum(self.chances * binom.sf(self.needed - 1, self.canary, bad)))


def power(traffic: Traffic, *, usual: float, bad: float, ratio: float, alpha: float, floor: float = 0.0) -> float:
    """How likely the exact test at the end finds a canary with the error rate ``bad`` beside a baseline with ``usual``, from 0 to 1."""
    return EndTest.of(traffic, usual=usual, ratio=ratio, alpha=alpha, floor=floor).finds(bad)


def smallest_found(
    traffic: Traffic, *, usual: float, ratio: float, alpha: float, floor: float = 0.0, chance: float = FOUND
) -> float | None:
    """The lowest error rate, from 0 to 1, that is found with this probability; None: not even a canary that always fails is."""
    test = EndTest.of(traffic, usual=usual, ratio=ratio, alpha=alpha, floor=floor)

    def missing(bad: float) -> float:
        return test.finds(bad) - chance

    if missing(1.0) < 0:
        return None
    return float(brentq(missing, usual, 1.0, xtol=1e-5)) if missing(usual) < 0 else usual


def _fewest_that_fail(traffic: Traffic, errors: int, *, ratio: float, alpha: float, floor: float) -> int:
    """How many errors of the canary make it fail beside so many of the baseline; one more than its requests: none do."""
    low, high = 0, traffic.canary + 1
    while low < high:
        middle = (low + high) // 2
        pair = Pair(Counts(traffic.canary, min(middle, traffic.canary)), Counts(traffic.baseline, errors))
        if middle > traffic.canary or is_worse(pair, ratio=ratio, floor=floor, alpha=alpha):
            high = middle
        else:
            low = middle + 1
    return low
