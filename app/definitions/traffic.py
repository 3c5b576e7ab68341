"""How a stage's new deployment gets its traffic: the section ``traffic`` of ``release.yml``."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, StrictInt, Tag, field_validator

from app.documents.section import Section
from app.planning.analysis import AnalysisRules
from app.planning.policy import Duration

MOST_STEPS = 10


class BakeStep(Section):
    """A share of the traffic, and for how long it is watched before the next one."""

    weight: Annotated[StrictInt, Field(ge=1, le=99)]
    """The new deployment's share in percent."""
    bake: Duration
    """How long it has this share before the analysis decides."""


class MirrorSection(Section):
    """A copy of a share of the requests, whose answers nobody sees."""

    percent: Annotated[StrictInt, Field(ge=1, le=50)]
    """The share in percent; Azure mirrors at most 50."""
    bake: Duration
    """How long requests are mirrored before the analysis decides."""


class AllAtOnceTraffic(Section):
    """All of the traffic, once the golden requests are answered."""

    strategy: Literal["all_at_once"] = "all_at_once"
    """All of the traffic at once."""


def _rising(steps: tuple[BakeStep, ...]) -> tuple[BakeStep, ...]:
    weights = [each.weight for each in steps]
    if weights != sorted(set(weights)):
        raise ValueError(f"the weights must rise, and they are {', '.join(map(str, weights))}")
    return steps


class CanaryTraffic(Section):
    """Some of the traffic, then more, as long as the new deployment does no worse than what serves."""

    strategy: Literal["canary"]
    """Shares that rise, with an analysis after each."""
    steps: Annotated[tuple[BakeStep, ...], Field(min_length=1, max_length=MOST_STEPS)]
    """The shares in order; after the last one it gets all of the traffic."""
    analysis: AnalysisRules = AnalysisRules()
    """By what rules it is compared with what serves."""

    @field_validator("steps")
    @classmethod
    def _rise(cls, steps: tuple[BakeStep, ...]) -> tuple[BakeStep, ...]:
        return _rising(steps)


class ShadowTraffic(Section):
    """Copies of requests first, then a canary's shares."""

    strategy: Literal["shadow"]
    """Mirrored requests first, with an analysis; then shares that rise."""
    mirror: MirrorSection
    """The requests of which it gets copies."""
    steps: Annotated[tuple[BakeStep, ...], Field(max_length=MOST_STEPS)] = ()
    """The shares in order after the mirrored requests; without any, it then gets all of the traffic."""
    analysis: AnalysisRules = AnalysisRules()
    """By what rules it is compared with what serves."""

    @field_validator("steps")
    @classmethod
    def _rise(cls, steps: tuple[BakeStep, ...]) -> tuple[BakeStep, ...]:
        return _rising(steps)


def _strategy(written: Any) -> str | None:
    """The tag of what is written; in brackets, which no field's name in a mistake has."""
    named = written.get("strategy", "all_at_once") if isinstance(written, dict) else getattr(written, "strategy", None)
    return f"[{named}]" if isinstance(named, str) else None


TrafficStrategy = Annotated[
    Annotated[AllAtOnceTraffic, Tag("[all_at_once]")]
    | Annotated[CanaryTraffic, Tag("[canary]")]
    | Annotated[ShadowTraffic, Tag("[shadow]")],
    Discriminator(
        _strategy,
        custom_error_type="unknown_strategy",
        custom_error_message="`strategy` must be `all_at_once`, `canary` or `shadow`",
    ),
]
