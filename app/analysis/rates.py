"""Whether a canary's rate of bad requests is higher than its baseline's: exact at any traffic, also at a handful of errors.

Given that an error happened, it is the canary's with a probability of at most ``theta``, as long as the canary's rate is at most
``ratio`` times the baseline's: so the number of requests only decides whose error it was likely to be. That is the conditional test of
two Poisson rates (Przyborowski and Wilenski 1940).
"""

import math

from scipy.special import betaln
from scipy.stats import beta, binom

from app.analysis.counts import Counts, Pair


def theta(pair: Pair, *, ratio: float) -> float:
    """How likely an error is the canary's at most, when it is no worse than ``ratio`` times the baseline.

    From 0 to 1, by the requests that there really were, not by the weights. Raises ValueError where neither had any.
    """
    canary, baseline = ratio * pair.canary.requests, pair.baseline.requests
    if not canary + baseline:
        raise ValueError("without a request there is nothing to compare")
    return canary / (canary + baseline)


def p_value(pair: Pair, *, ratio: float) -> float:
    """How likely as many of the errors are the canary's, or more, if it is no worse. Right for one look, at the end."""
    errors = pair.canary.bad + pair.baseline.bad
    if not errors:
        return 1.0
    return float(binom.sf(pair.canary.bad - 1, errors, theta(pair, ratio=ratio)))


def is_worse(pair: Pair, *, ratio: float, floor: float, alpha: float) -> bool:
    """Whether the canary is worse for certain, at one look: by more than chance, and by more than ``floor``, from 0 to 1.

    One error alone is no proof, however rare errors are.
    """
    return pair.canary.bad > 1 and pair.difference > floor and p_value(pair, ratio=ratio) < alpha


def log_e_value(canary: int, baseline: int, share: float) -> float:
    """Natural logarithm of the evidence that more than ``share`` of these errors are the canary's. Right at every look.

    A canary that is no worse ever reaches 1/alpha with a probability of alpha at most, however often one looks (Ville's inequality).
    The prior is uniform above ``share``. Those of independent minutes may be added up.
    """
    if not 0 < share < 1:
        return 0.0  # only one of them had requests: whose errors they are says nothing
    a, b = 1 + canary, 1 + baseline
    return float(
        betaln(a, b)
        + beta.logsf(share, a, b)
        - math.log1p(-share)
        - canary * math.log(share)
        - baseline * math.log1p(-share)
    )


def lower_bound(counts: Counts, *, confidence: float = 0.95) -> float:
    """One-sided bound of a rate, by Clopper and Pearson; 0 without an error."""
    if not counts.bad:
        return 0.0
    return float(beta.ppf(1 - confidence, counts.bad, counts.requests - counts.bad + 1))


def upper_bound(counts: Counts, *, confidence: float = 0.95) -> float:
    """One-sided bound of a rate, by Clopper and Pearson; 1 where nothing says that it is lower."""
    if counts.bad == counts.requests:
        return 1.0
    return float(beta.ppf(confidence, counts.bad + 1, counts.requests - counts.bad))
