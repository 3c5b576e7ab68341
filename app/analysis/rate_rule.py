"""The verdict on rates of bad requests: sequential while the canary bakes, exact once at the end, and honest at low traffic.

Two tests, since each does what the other cannot. The e-value may be looked at every minute and stops a bad canary early; the exact test
has more power, and is right once. Neither proves that a canary is good: that is what the upper bound of the difference is for.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.analysis.counts import Counts, Pair, total
from app.analysis.difference import upper_bound_of_difference
from app.analysis.rates import is_worse, log_e_value, lower_bound, p_value, theta
from app.analysis.verdict import Finding, Verdict

CERTAIN_SHARE, CERTAIN_OF = 0.5, 10  # half of ten requests failed
CERTAIN_IN_A_ROW = 5  # failed requests with no other between them


@dataclass(frozen=True)
class RateRule:
    """What is tolerated. Rates and differences from 0 to 1.

    ``ratio``: how many times the baseline's rate is no harm yet. ``floor``: a difference below it is no harm, however certain.
    ``margin``: the canary is good enough where its rate is proven to be higher by less than this. ``highest``: what no rate may be,
    whatever the baseline's is. ``minimum_requests`` of the canary: below it nothing can be said.
    """

    metric: str
    of: str = "requests failed"  # completes "3 of 120 …"
    ratio: float = 2.0
    floor: float = 0.005
    margin: float = 0.01
    highest: float | None = None
    minimum_requests: int = 20


def while_baking(rule: RateRule, steps: Sequence[Sequence[Pair]], *, alpha: float) -> Finding | None:
    """Whether it is bad for certain by now; None: go on. May be asked every minute.

    ``steps``: the minutes of each weight that the canary has had, without those in which a weight changed. ``alpha``: how likely a
    good canary may be stopped at any of all looks.
    """
    minutes = [minute for step in steps for minute in step]
    seen = total(minutes)
    if _is_broken(minutes, seen.canary):
        return _failed(rule, f"{_said(seen.canary, rule)}: it is broken.")
    found = sum(_log_e_of_step(step, ratio=rule.ratio) for step in steps)
    if found >= -math.log(alpha) and seen.difference > rule.floor:
        return _failed(rule, f"{_compared(seen, rule)}, which is no chance (e-value {_shown(math.exp(found))}).")
    return None


def at_the_end(rule: RateRule, minutes: Sequence[Pair], *, alpha: float) -> Finding:
    """The verdict on all minutes of a bake, once it is over."""
    seen = total(minutes)
    canary = seen.canary
    if not canary.requests:
        return Finding(rule.metric, Verdict.NO_DATA, "The canary had no requests.")
    if _is_broken(minutes, canary):
        return _failed(rule, f"{_said(canary, rule)}: it is broken.")
    if rule.highest is not None and lower_bound(canary, confidence=1 - alpha) > rule.highest:
        return _failed(rule, f"{_said(canary, rule)}, more than {rule.highest:.3%} in any case.")
    if not seen.baseline.requests:
        return _inconclusive(rule, f"{_said(canary, rule)}. The baseline had no requests in the same minutes.")
    if is_worse(seen, ratio=rule.ratio, floor=rule.floor, alpha=alpha):
        chance = p_value(seen, ratio=rule.ratio)
        return _failed(rule, f"{_compared(seen, rule)}, which is no chance (p {_shown(chance)}).")
    if canary.requests < rule.minimum_requests:
        return _inconclusive(rule, f"The canary had {canary.requests} requests, fewer than {rule.minimum_requests}.")
    if rule.highest is not None and canary.rate > rule.highest:
        return _inconclusive(rule, f"{_said(canary, rule)}, more than {rule.highest:.3%}; so few may be chance.")
    return _good_enough(rule, seen)


def _good_enough(rule: RateRule, seen: Pair) -> Finding:
    """No proof of harm is no proof of the opposite."""
    if not seen.canary.bad and not seen.baseline.bad:
        needed = math.ceil(3 / rule.margin)  # the rule of three: then the upper bound is below the margin
        if seen.canary.requests >= needed:
            return Finding(rule.metric, Verdict.PASSED, f"{_said(seen.canary, rule)}.")
        said = f"{_said(seen.canary, rule)}; it takes {needed} without one to exclude {rule.margin:.2%} more."
        return _inconclusive(rule, said)
    worst = upper_bound_of_difference(seen)
    if worst < rule.margin:
        said = f"{_compared(seen, rule)}: at most {worst:.2%} more, of {rule.margin:.2%} that are tolerated."
        return Finding(rule.metric, Verdict.PASSED, said)
    return _inconclusive(rule, f"{_compared(seen, rule)}: up to {worst:.2%} more cannot be excluded.")


def _log_e_of_step(minutes: Sequence[Pair], *, ratio: float) -> float:
    """The evidence of one weight's minutes, by the share of requests that the canary had in all of them."""
    seen = total(minutes)
    if not seen.canary.requests + seen.baseline.requests:
        return 0.0
    return log_e_value(seen.canary.bad, seen.baseline.bad, theta(seen, ratio=ratio))


def _is_broken(minutes: Sequence[Pair], canary: Counts) -> bool:
    """Without statistics: nobody waits for a certain break."""
    if canary.requests >= CERTAIN_OF and canary.rate >= CERTAIN_SHARE:
        return True
    in_a_row = 0
    for minute in minutes:
        if minute.canary.bad == minute.canary.requests:
            in_a_row += minute.canary.bad
        else:
            in_a_row = 0  # in which order they came within a minute is not known
        if in_a_row >= CERTAIN_IN_A_ROW:
            return True
    return False


def _failed(rule: RateRule, sentence: str) -> Finding:
    return Finding(rule.metric, Verdict.FAILED, sentence)


def _inconclusive(rule: RateRule, sentence: str) -> Finding:
    return Finding(rule.metric, Verdict.INCONCLUSIVE, sentence)


def _said(counts: Counts, rule: RateRule) -> str:
    return f"{counts.bad} of the canary's {counts.requests} {rule.of} ({counts.rate:.2%})"


def _compared(seen: Pair, rule: RateRule) -> str:
    return f"{_said(seen.canary, rule)}, {seen.baseline.bad} of the baseline's {seen.baseline.requests} ({seen.baseline.rate:.2%})"


def _shown(number: float) -> str:
    return f"{number:.3g}"
