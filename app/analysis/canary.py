"""The verdict on a canary, from all that is known of it by now: by which rules, while it bakes and once that is over. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from scipy.stats import mannwhitneyu

from app.analysis.counts import Counts, Pair, total
from app.analysis.latency_rule import LatencyRule, MinuteLatency, judge_latency
from app.analysis.rate_rule import RateRule, at_the_end, while_baking
from app.analysis.rates import p_value
from app.analysis.verdict import Finding, Verdict
from app.planning.analysis import AnalysisRules

ERRORS, LATENCY = "errors", "latency"
FEWEST_PROBES, MOST_PROBES = 30, 300  # of each deployment


@dataclass(frozen=True)
class Seen:
    """``earlier``: the totals of each smaller share before. ``minutes``: of this share, without those that do not count."""

    minutes: Sequence[Pair]
    latencies: Sequence[MinuteLatency] = ()
    earlier: Sequence[Pair] = ()


@dataclass(frozen=True)
class Probes:
    """The same requests to both by turns. Latencies in milliseconds, of those that were answered."""

    pair: Pair
    canary_ms: Sequence[float]
    baseline_ms: Sequence[float]


def alpha_of(rules: AnalysisRules) -> float:
    """For each metric: together they stop a good canary no more often than the rules allow."""
    return rules.alpha / (1 if rules.latency is None else 2)


def look_at_canary(rules: AnalysisRules, seen: Seen) -> Finding | None:
    """Whether it is bad for certain; None: nothing says so. May be asked every minute."""
    steps = [[each] for each in seen.earlier] + [list(seen.minutes)]
    failed = while_baking(rate_rule(rules), steps, alpha=alpha_of(rules))
    if failed is None and rules.latency is not None:
        slow = judge_latency(latency_rule(rules), seen.latencies, alpha=alpha_of(rules))
        failed = slow if slow.verdict is Verdict.FAILED else None
    return None if failed is None else _beside_baseline(failed, rules, seen.minutes)


def judge_canary(rules: AnalysisRules, seen: Seen, probes: Probes | None = None) -> list[Finding]:
    """Of each metric, once the bake is over. Probes fill in where requests were too few."""
    minutes = [*seen.minutes, *([] if probes is None else [probes.pair])]
    findings = [_beside_baseline(at_the_end(rate_rule(rules), minutes, alpha=alpha_of(rules)), rules, minutes)]
    if rules.latency is not None:
        slow = judge_latency(latency_rule(rules), seen.latencies, alpha=alpha_of(rules))
        undecided = slow.verdict in {Verdict.INCONCLUSIVE, Verdict.NO_DATA}
        findings.append(_latency_of_probes(rules, probes) if undecided and probes is not None else slow)
    return findings


def probes_wanted(rules: AnalysisRules, seen: Seen) -> int:
    """How many of each deployment may make certain what requests alone do not."""
    needed = math.ceil(3 / (rules.errors.margin / 100)) - total(seen.minutes).canary.requests
    return min(max(needed, FEWEST_PROBES), MOST_PROBES)


def fails_beside_baseline(rules: AnalysisRules, findings: Sequence[Finding], pair: Pair) -> bool:
    """Whether what serves fails about as often: then the cause may be another than this release."""
    if any(each.verdict is Verdict.FAILED and each.metric != ERRORS for each in findings):
        return False
    return bool(pair.baseline.bad) and p_value(pair, ratio=1) >= alpha_of(rules)


def rate_rule(rules: AnalysisRules) -> RateRule:
    """With rates from 0 to 1."""
    errors = rules.errors
    return RateRule(
        ERRORS,
        ratio=errors.ratio,
        floor=errors.floor / 100,
        margin=errors.margin / 100,
        highest=None if errors.highest is None else errors.highest / 100,
        minimum_requests=errors.minimum_requests,
    )


def latency_rule(rules: AnalysisRules) -> LatencyRule:
    assert rules.latency is not None, "where latency is compared, the rules say how"
    latency = rules.latency
    return LatencyRule(latency.percentile.upper(), margin=latency.ratio, minimum_requests=latency.minimum_requests)


def _latency_of_probes(rules: AnalysisRules, probes: Probes) -> Finding:
    """Raw latencies of the same requests: whether the canary's are longer than the tolerated multiple of the baseline's."""
    assert rules.latency is not None, "where latency is compared, the rules say how"
    name, ratio = latency_rule(rules).metric, rules.latency.ratio
    new, old = list(probes.canary_ms), [each * ratio for each in probes.baseline_ms]
    if not new or not old:
        return Finding(name, Verdict.NO_DATA, "No probe was answered by both.")
    said = (
        f"Of {len(new)} probes the canary's took {_median(new):.1f} ms in the middle, the baseline's "
        f"{_median(probes.baseline_ms):.1f} ms; {ratio:g} times that is tolerated"
    )
    if float(mannwhitneyu(new, old, alternative="greater").pvalue) < alpha_of(rules):
        return Finding(name, Verdict.FAILED, f"{said}, and more is no chance.")
    if float(mannwhitneyu(new, old, alternative="less").pvalue) < alpha_of(rules):
        return Finding(name, Verdict.PASSED, f"{said}.")
    return Finding(name, Verdict.INCONCLUSIVE, f"{said}: too close to say.")


def _beside_baseline(finding: Finding, rules: AnalysisRules, minutes: Sequence[Pair]) -> Finding:
    """Where what serves fails as often, nobody is to think that the canary alone does."""
    baseline = total(minutes).baseline
    highest = rules.errors.highest
    if finding.verdict is Verdict.PASSED or highest is None or not _burns(baseline, highest / 100):
        return finding
    said = f"What serves fails itself: {baseline.bad} of {baseline.requests} requests ({baseline.rate:.2%})."
    return replace(finding, sentence=f"{finding.sentence} {said}")


def _burns(baseline: Counts, highest: float) -> bool:
    return baseline.rate > highest


def _median(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 2]
