"""By what rules a canary is compared with what serves: what definitions write, and plans hold."""

from typing import Annotated, Literal

from pydantic import Field, StrictInt

from app.documents.section import Section
from app.planning.policy import Duration

Points = Annotated[float, Field(gt=0, le=100)]
Requests = Annotated[StrictInt, Field(ge=1, le=1_000_000)]
Ratio = Annotated[float, Field(ge=1, le=100)]


class ErrorRules(Section):
    """What is tolerated of a canary's failed requests."""

    ratio: Ratio = 2.0
    """How many times the error rate of what serves is no harm yet."""
    floor: Annotated[float, Field(ge=0, le=100)] = 0.5
    """A difference of fewer percentage points is no harm, however certain it is."""
    margin: Points = 1.0
    """The canary passes once its error rate is proven to be higher by fewer percentage points than this."""
    highest: Points | None = 5.0
    """The highest error rate in percent, whatever the error rate of what serves is; null: none."""
    minimum_requests: Requests = 20
    """How many requests the canary must have had; with fewer there is no verdict."""


class LatencyRules(Section):
    """What is tolerated of a canary's latency."""

    percentile: Literal["p50", "p95"] = "p95"
    """Which percentile of each minute is compared."""
    ratio: Ratio = 1.3
    """How many times the latency of what serves is tolerated."""
    minimum_requests: Requests = 50
    """How many requests the canary must have had in a minute that counts: of fewer a percentile is too low."""


class AnalysisRules(Section):
    """By what rules the new deployment is compared with what serves, over the same minutes."""

    errors: ErrorRules = Field(default=ErrorRules(), description="What is tolerated of failed requests.")
    latency: LatencyRules | None = LatencyRules()
    """Null: latency is not compared."""
    alpha: Annotated[float, Field(gt=0, le=0.2)] = 0.05
    """How likely a good release may be stopped, from 0 to 1, however often one looks."""
    warm_up_minutes: Annotated[StrictInt, Field(ge=0, le=60)] = 2
    """Minutes after each change of traffic that do not count: caches and connections are cold."""
    no_data: Literal["probe", "ask"] = "probe"
    """Without enough requests: send the golden requests to both by turns (`probe`), or ask a person at once (`ask`)."""
    answer_within: Duration = "1d"
    """How long a person may take to answer what the analysis could not decide; then the traffic goes back."""
