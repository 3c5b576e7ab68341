"""By what rules the answers to golden requests are judged beside those of what serves: what definitions write, and plans hold."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt, model_validator

from app.documents.section import Section
from app.planning.policy import Duration

Share = Annotated[float, Field(gt=0, lt=1)]
Points = Annotated[float, Field(ge=0, le=100)]


class AccuracyRules(Section):
    """What is wanted of the labelled golden requests: those with `label` in place of `expect`."""

    path: str = "$"
    """JSON path to the label in an answer, such as `$.predictions[0]`; a request may name another."""
    minimum: Share | None = None
    """The lowest share of right answers, such as 0.9, whatever serves."""
    worse_by: Points | None = None
    """How many percentage points fewer right answers than from what serves are tolerated."""

    @model_validator(mode="after")
    def _asks_for_something(self) -> "AccuracyRules":
        if self.minimum is None and self.worse_by is None:
            raise ValueError("needs `minimum` or `worse_by`")
        return self


class ReplayLatencyRules(Section):
    """What is tolerated of the time that golden requests take."""

    percentile: Literal["p50", "p95", "p99"] = "p95"
    """Which percentile of the times is compared."""
    ratio: Annotated[float, Field(ge=1, le=100)] = 1.3
    """How many times the percentile of what serves is tolerated."""
    minimum_requests: Annotated[StrictInt, Field(ge=10, le=10_000)] = 60
    """How many times each of both is asked at least: the golden requests are repeated until then."""


class ReplayRules(Section):
    """Golden requests are sent to the new deployment, which has no traffic yet, and by turns to what serves."""

    accuracy: AccuracyRules | None = None
    """What is wanted of the answers to labelled requests; null: nothing."""
    latency: ReplayLatencyRules | None = None
    """What is tolerated of the time they take; null: anything."""
    judge: Literal["interval", "estimate"] = "interval"
    """`interval`: a threshold is met or missed once chance is excluded, else a person is asked. `estimate`: by the measured value."""
    alpha: Annotated[float, Field(gt=0, le=0.2)] = 0.05
    """How likely a good model may be stopped by chance, from 0 to 1."""
    within_minutes: Annotated[StrictInt, Field(ge=1, le=60)] = 10
    """After so many minutes no further request is sent."""
    answer_within: Duration = "1d"
    """How long a person may take to answer what the requests could not decide; then the release fails, and no traffic was moved."""

    @property
    def number_of_metrics(self) -> int:
        """What may stop a release by chance."""
        accuracy = self.accuracy
        asked = [accuracy and accuracy.minimum, accuracy and accuracy.worse_by, self.latency]
        return max(1, sum(each is not None for each in asked))
