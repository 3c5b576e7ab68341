"""The verdict on answers to the same requests, of the new deployment and of what serves: of each rule, and why. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.analysis.counts import Counts
from app.analysis.paired import Flips, bounds_of_difference, is_less_accurate
from app.analysis.percentiles import is_beyond, is_within, lowest_ratio, percentile
from app.analysis.rates import lower_bound, upper_bound
from app.analysis.verdict import Finding, Verdict
from app.planning.replay import AccuracyRules, ReplayRules

ACCURACY, COMPARED, LATENCY = "accuracy", "accuracy compared with what serves", "latency"


@dataclass(frozen=True)
class Replayed:
    """Of labelled requests, and of all times in milliseconds, pair by pair. ``serving`` False: nothing serves there.

    ``labelled``: those that were sent to the new deployment, ``bad`` those that it answered wrongly. ``flips``: of those that both
    answered.
    """

    labelled: Counts
    flips: Flips
    new_ms: Sequence[float] = ()
    serving_ms: Sequence[float] = ()
    serving: bool = True


def judge_replay(rules: ReplayRules, seen: Replayed) -> list[Finding]:
    """A finding for each threshold. Where nothing serves, nothing is compared: that stops no first release."""
    alpha = rules.alpha / rules.number_of_metrics
    findings: list[Finding] = []
    if rules.accuracy is not None and rules.accuracy.minimum is not None:
        findings.append(_judge_minimum(rules, rules.accuracy.minimum, seen.labelled, alpha=alpha))
    if rules.accuracy is not None and rules.accuracy.worse_by is not None and seen.serving:
        findings.append(_judge_loss(rules, rules.accuracy, seen.flips, alpha=alpha))
    if rules.latency is not None and seen.serving:
        findings.append(_judge_latency(rules, seen, alpha=alpha))
    return findings


def accuracy_interval(labelled: Counts, *, confidence: float) -> tuple[float, float]:
    """One-sided bounds of the share of right answers, by Clopper and Pearson."""
    return 1 - upper_bound(labelled, confidence=confidence), 1 - lower_bound(labelled, confidence=confidence)


def _judge_minimum(rules: ReplayRules, minimum: float, labelled: Counts, *, alpha: float) -> Finding:
    if not labelled.requests:
        return Finding(ACCURACY, Verdict.NO_DATA, "No labelled request was sent.")
    low, high = accuracy_interval(labelled, confidence=1 - rules.alpha)
    right = labelled.requests - labelled.bad
    said = (
        f"It gave {right} of {labelled.requests} right answers ({right / labelled.requests:.2%}, interval {low:.2%} to "
        f"{high:.2%}); at least {minimum:.2%} are wanted"
    )
    is_below = accuracy_interval(labelled, confidence=1 - alpha)[1] < minimum
    return _finding(ACCURACY, rules, said, met=low >= minimum, missed=is_below, measured=1 - labelled.rate >= minimum)


def _judge_loss(rules: ReplayRules, accuracy: AccuracyRules, flips: Flips, *, alpha: float) -> Finding:
    assert accuracy.worse_by is not None, "where it is compared, the rules say how"
    if not flips.requests:
        return Finding(COMPARED, Verdict.NO_DATA, "What serves answered none of the labelled requests.")
    margin = accuracy.worse_by / 100
    low, high = bounds_of_difference(flips, confidence=1 - rules.alpha)
    said = (
        f"Of {flips.requests} labelled requests it alone has {flips.won} right, and what serves alone {flips.lost}: "
        f"{100 * flips.difference:+.2f} points, interval {100 * low:+.2f} to {100 * high:+.2f}; "
        f"{-accuracy.worse_by:+g} points are tolerated"
    )
    is_worse = is_less_accurate(flips, margin=margin, alpha=alpha)
    return _finding(COMPARED, rules, said, met=low >= -margin, missed=is_worse, measured=flips.difference >= -margin)


def _judge_latency(rules: ReplayRules, seen: Replayed, *, alpha: float) -> Finding:
    """Met where pair by pair it takes no longer than tolerated, and the percentile is not over it either."""
    assert rules.latency is not None, "where it is compared, the rules say how"
    wanted, new, old = rules.latency, seen.new_ms, seen.serving_ms
    if not new:
        return Finding(LATENCY, Verdict.NO_DATA, "What serves answered none of the requests.")
    share = int(wanted.percentile[1:]) / 100
    ours, theirs = percentile(new, share), percentile(old, share)
    name = wanted.percentile.upper()
    said = (
        f"Its {name} is {ours:.1f} ms over {len(new)} requests, that of what serves {theirs:.1f} ms; "
        f"{wanted.ratio:g} times that is tolerated"
    )
    is_measured = ours <= wanted.ratio * theirs
    few = len(new) < wanted.minimum_requests
    is_slower = lowest_ratio(new, old, share, alpha=alpha / 2) > wanted.ratio
    is_slower = is_slower or is_beyond(new, old, ratio=wanted.ratio, alpha=alpha / 2)
    met = not few and is_measured and is_within(new, old, ratio=wanted.ratio, alpha=rules.alpha)
    return _finding(LATENCY, rules, said, met=met, missed=is_slower, measured=is_measured)


def _finding(metric: str, rules: ReplayRules, said: str, *, met: bool, missed: bool, measured: bool) -> Finding:
    if rules.judge == "estimate":
        return Finding(metric, Verdict.PASSED if measured else Verdict.FAILED, f"{said}.")
    if missed:
        return Finding(metric, Verdict.FAILED, f"{said}: worse, and that is no chance.")
    if met:
        return Finding(metric, Verdict.PASSED, f"{said}.")
    return Finding(metric, Verdict.INCONCLUSIVE, f"{said}: too few requests to say.")
