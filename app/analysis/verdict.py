"""What an analysis comes to: one word, and why."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The later one in this order counts more."""

    PASSED = "passed"
    INCONCLUSIVE = "inconclusive"  # too little is known: a person is asked
    NO_DATA = "no_data"  # nothing is known: never a success
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """Of one metric. ``sentence`` has the numbers."""

    metric: str
    verdict: Verdict
    sentence: str


def verdict_of(findings: Sequence[Finding]) -> Verdict:
    """Of all metrics together: the worst one; without any metric nothing is known."""
    order = list(Verdict)
    return max((each.verdict for each in findings), key=order.index, default=Verdict.NO_DATA)


def sentences_of(findings: Iterable[Finding], verdict: Verdict) -> str:
    """Why: what the findings of this verdict say."""
    return " ".join(each.sentence for each in findings if each.verdict is verdict)
