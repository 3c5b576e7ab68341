"""What one deployment did in the same minutes as another: requests, and how many of them count against it."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Counts:
    """Of one deployment. ``bad``: requests that failed, or were slower than a limit that was fixed before."""

    requests: int
    bad: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.bad <= self.requests:
            raise ValueError(f"{self.bad} of {self.requests} requests cannot be")

    @property
    def rate(self) -> float:
        """From 0 to 1; 0 without a request."""
        return self.bad / self.requests if self.requests else 0.0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(self.requests + other.requests, self.bad + other.bad)


@dataclass(frozen=True)
class Pair:
    """The canary and the baseline, in the same minute or over the same minutes."""

    canary: Counts
    baseline: Counts

    @property
    def difference(self) -> float:
        """Of the rates, from -1 to 1; above 0 the canary is worse."""
        return self.canary.rate - self.baseline.rate

    def __add__(self, other: "Pair") -> "Pair":
        return Pair(self.canary + other.canary, self.baseline + other.baseline)


NOTHING = Pair(Counts(0), Counts(0))


def total(pairs: Iterable[Pair]) -> Pair:
    """All of these minutes as one."""
    return sum(pairs, NOTHING)
