"""What is judged: bad ones stop, good ones pass when there is proof, and silence never passes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.analysis.counts import Counts, Pair
from app.analysis.latency_rule import LatencyRule, MinuteLatency, judge_latency
from app.analysis.rate_rule import RateRule, at_the_end, while_baking
from app.analysis.verdict import Finding, Verdict, sentences_of, verdict_of

RULE = RateRule("errors")
ALPHA = 0.05


def minutes(number: int, *, canary: tuple[int, int], baseline: tuple[int, int]) -> list[Pair]:
    """So many of the same kind; ``(bad, requests)`` of each."""
    return [Pair(Counts(canary[1], canary[0]), Counts(baseline[1], baseline[0]))] * number


def finally_(seen: list[Pair], rule: RateRule = RULE) -> Verdict:
    return at_the_end(rule, seen, alpha=ALPHA).verdict


def test_canary_that_always_fails_is_stopped_at_once() -> None:
    found = while_baking(RULE, [minutes(1, canary=(5, 5), baseline=(0, 95))], alpha=ALPHA)

    assert found is not None
    assert found.verdict is Verdict.FAILED
    assert "5 of the canary's 5 requests failed" in found.sentence


def test_errors_of_different_minutes_are_in_a_row_only_without_a_good_one_between() -> None:
    two = minutes(1, canary=(2, 2), baseline=(0, 40))
    good = minutes(1, canary=(0, 40), baseline=(0, 40))

    assert while_baking(RULE, [[*two, *two, *two]], alpha=ALPHA) is not None
    assert while_baking(RateRule("errors", floor=0.5), [[*two, *good, *two, *good, *two]], alpha=ALPHA) is None


def test_half_of_ten_that_fail_are_enough() -> None:
    """Whatever the baseline does: nobody wants more of it."""
    assert while_baking(RULE, [minutes(1, canary=(5, 10), baseline=(50, 100))], alpha=ALPHA) is not None


def test_bad_canary_is_found_while_it_bakes_and_at_the_end() -> None:
    seen = minutes(10, canary=(1, 20), baseline=(0, 380))

    assert while_baking(RULE, [seen], alpha=ALPHA) is not None
    assert finally_(seen) is Verdict.FAILED


def test_evidence_of_several_weights_adds_up() -> None:
    first, second = minutes(3, canary=(1, 10), baseline=(1, 90)), minutes(3, canary=(2, 40), baseline=(1, 60))
    rule = RateRule("errors", ratio=1.0)

    assert while_baking(rule, [first], alpha=ALPHA) is None
    assert while_baking(rule, [second], alpha=ALPHA) is None
    assert while_baking(rule, [first, second], alpha=ALPHA) is not None


def test_difference_below_the_floor_is_no_harm_however_certain() -> None:
    seen = minutes(1, canary=(300, 100_000), baseline=(10, 100_000))

    assert while_baking(RULE, [seen], alpha=ALPHA) is None
    assert finally_(seen) is Verdict.PASSED


def test_baseline_that_burns_itself_neither_passes_nor_is_it_the_canarys_fault() -> None:
    seen = minutes(30, canary=(2, 20), baseline=(38, 380))

    assert while_baking(RULE, [seen], alpha=ALPHA) is None
    assert finally_(seen) is Verdict.INCONCLUSIVE
    assert finally_(seen, RateRule("errors", highest=0.02)) is Verdict.FAILED


def test_highest_rate_is_not_broken_by_chance() -> None:
    assert (
        finally_(minutes(1, canary=(1, 20), baseline=(10, 200)), RateRule("errors", highest=0.02))
        is Verdict.INCONCLUSIVE
    )


def test_no_errors_pass_by_the_rule_of_three_only() -> None:
    assert finally_(minutes(1, canary=(0, 299), baseline=(0, 9000))) is Verdict.INCONCLUSIVE
    assert finally_(minutes(1, canary=(0, 300), baseline=(0, 9000))) is Verdict.PASSED


def test_few_errors_pass_when_more_is_excluded() -> None:
    assert finally_(minutes(1, canary=(5, 1000), baseline=(95, 19_000))) is Verdict.PASSED
    assert finally_(minutes(1, canary=(1, 200), baseline=(19, 3800))) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("canary", "baseline", "verdict"),
    [
        ((0, 0), (0, 500), Verdict.NO_DATA),
        ((0, 0), (0, 0), Verdict.NO_DATA),
        ((0, 5), (0, 95), Verdict.INCONCLUSIVE),
        ((0, 500), (0, 0), Verdict.INCONCLUSIVE),
    ],
)
def test_too_little_never_passes(canary: tuple[int, int], baseline: tuple[int, int], verdict: Verdict) -> None:
    assert finally_(minutes(1, canary=canary, baseline=baseline)) is verdict


@given(
    st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 30), st.integers(0, 300), st.integers(0, 300)).map(
            lambda n: Pair(Counts(n[0] + n[1], n[0]), Counts(n[2] + n[3], n[2]))
        ),
        max_size=8,
    ),
    st.floats(0.001, 0.2),
)
def test_every_count_gives_a_verdict_with_its_numbers(seen: list[Pair], alpha: float) -> None:
    found = at_the_end(RULE, seen, alpha=alpha)
    early = while_baking(RULE, [seen], alpha=alpha)

    assert early is None or early.verdict is Verdict.FAILED
    assert found.sentence.endswith(".")
    if not sum(each.canary.requests for each in seen):
        assert found.verdict is Verdict.NO_DATA


def latencies(number: int, ratio: float, *, requests: int = 100) -> list[MinuteLatency]:
    return [MinuteLatency(requests, 100 * ratio, 100)] * number


def test_slower_minutes_fail_from_the_seventh_on() -> None:
    assert judge_latency(LatencyRule(), latencies(6, 1.5), alpha=ALPHA).verdict is Verdict.INCONCLUSIVE
    assert judge_latency(LatencyRule(), latencies(7, 1.5), alpha=ALPHA).verdict is Verdict.FAILED
    assert judge_latency(LatencyRule(), latencies(7, 1.2), alpha=ALPHA).verdict is Verdict.PASSED


def test_minutes_with_few_requests_do_not_count() -> None:
    found = judge_latency(LatencyRule(), latencies(60, 0.7, requests=5), alpha=ALPHA)

    assert found.verdict is Verdict.INCONCLUSIVE
    assert "60 more had fewer than 50" in found.sentence


def test_no_latency_is_no_data() -> None:
    assert judge_latency(LatencyRule(), [], alpha=ALPHA).verdict is Verdict.NO_DATA


def test_worst_finding_is_the_verdict() -> None:
    findings = [Finding("a", each, f"It is {each}.") for each in Verdict]

    assert verdict_of(findings) is Verdict.FAILED
    assert sentences_of(findings, Verdict.FAILED) == "It is failed."
    assert verdict_of(findings[:3]) is Verdict.NO_DATA
    assert verdict_of(findings[:2]) is Verdict.INCONCLUSIVE
    assert verdict_of(findings[:1]) is Verdict.PASSED
    assert verdict_of([]) is Verdict.NO_DATA
