"""Percentiles of times that were measured one by one, and how sure they are."""

import math
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom, wilcoxon


def percentile(times: Sequence[float], share: float) -> float:
    """The value below which this share of the times is. Raises ValueError without any."""
    if not times:
        raise ValueError("without a time there is no percentile")
    return float(np.quantile(times, share))


def lowest_ratio(new: Sequence[float], serving: Sequence[float], share: float, *, alpha: float) -> float:
    """The new one's percentile is at least so many times the other's, but for a chance of ``alpha``; 0: so few say nothing.

    By order statistics, whatever the times' distribution is: how many of n are below a percentile is binomial.
    """
    below = int(binom.ppf(alpha / 2, len(new), share))
    above = int(binom.ppf(1 - alpha / 2, len(serving), share))
    if below < 1 or above >= len(serving):
        return 0.0
    highest = sorted(serving)[above]
    return sorted(new)[below - 1] / highest if highest > 0 else 0.0


def is_within(new: Sequence[float], serving: Sequence[float], *, ratio: float, alpha: float) -> bool:
    """Whether the same requests take less than ``ratio`` times as long, and that is no chance: Wilcoxon's signed ranks of pairs."""
    return _chance(new, serving, ratio, "less") < alpha


def is_beyond(new: Sequence[float], serving: Sequence[float], *, ratio: float, alpha: float) -> bool:
    """The opposite: whether they take longer than that."""
    return _chance(new, serving, ratio, "greater") < alpha


def _chance(new: Sequence[float], serving: Sequence[float], ratio: float, side: str) -> float:
    shifts = [
        math.log(one / other) - math.log(ratio)
        for one, other in zip(new, serving, strict=True)
        if one > 0 and other > 0
    ]
    if not any(shifts):
        return 1.0
    return float(wilcoxon(shifts, alternative=side).pvalue)
