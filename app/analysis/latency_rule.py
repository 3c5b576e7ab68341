"""The verdict on latency, where nothing is known but each minute's percentiles: a sign test over minutes.

A small canary's P95 is biased low: of three requests a minute it is about 0.68 of what it would be of many. So only minutes with enough
requests count, and few minutes say nothing.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.analysis.rates import log_e_value
from app.analysis.verdict import Finding, Verdict


@dataclass(frozen=True)
class MinuteLatency:
    """Of the same minute: how many requests the canary had, and both percentiles in milliseconds."""

    requests: int
    canary: float
    baseline: float


@dataclass(frozen=True)
class LatencyRule:
    """``margin``: how many times the baseline's percentile is tolerated. ``minimum_requests``: of the canary in a minute that counts."""

    metric: str = "P95"
    margin: float = 1.3
    minimum_requests: int = 50


def judge_latency(rule: LatencyRule, minutes: Sequence[MinuteLatency], *, alpha: float) -> Finding:
    """May be asked every minute: what is not certain yet is inconclusive. Five minutes more of the same kind may make it so."""
    counted = [each for each in minutes if each.requests >= rule.minimum_requests and each.baseline > 0]
    over = sum(math.log(each.canary / each.baseline) > math.log(rule.margin) for each in counted if each.canary > 0)
    under = len(counted) - over
    if not minutes:
        return Finding(rule.metric, Verdict.NO_DATA, f"No minute has a {rule.metric} of both.")
    said = (
        f"The canary's {rule.metric} was over {rule.margin:g} times the baseline's in {over} of {len(counted)} minutes"
    )
    if log_e_value(over, under, 0.5) >= -math.log(alpha):
        return Finding(rule.metric, Verdict.FAILED, f"{said}, which is no chance.")
    if log_e_value(under, over, 0.5) >= -math.log(alpha):
        return Finding(rule.metric, Verdict.PASSED, f"{said}.")
    few = f"; {len(minutes) - len(counted)} more had fewer than {rule.minimum_requests} of the canary's requests"
    return Finding(
        rule.metric, Verdict.INCONCLUSIVE, f"{said}{few if len(counted) < len(minutes) else ''}: too few to say."
    )
