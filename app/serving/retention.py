"""What becomes of deployments without traffic. Pure: by what is known of them, the definition's section, and the time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from app.definitions.schema import RetentionSection
from app.planning.policy import length_of

FEWEST_INSTANCES = 1  # Azure's managed online deployments have no fewer


@dataclass(frozen=True)
class Idle:
    """A deployment that has neither live nor mirror traffic. ``release`` None: others made it."""

    name: str
    release: str | None
    model: str | None  # of this service, whose release made it
    good: bool  # a release came to its good end with it: it may be gone back to
    since: datetime  # without traffic
    instance_type: str | None
    instance_count: int


@dataclass(frozen=True)
class Fate:
    """What becomes of one, from when on, and why. ``at`` None: never by itself."""

    idle: Idle
    then: Literal["keep", "scale_down", "delete"]
    at: datetime | None
    because: str

    def is_due(self, now: datetime) -> bool:
        return self.at is not None and self.at <= now


def fates(idle: Sequence[Idle], retention: RetentionSection | None, *, model: str) -> list[Fate]:
    """Of each one, for the endpoint of ``model``. What others made is never touched, nor anything where no section says so."""
    good = sorted(
        (each for each in idle if _is_good(each, model)), key=lambda each: (each.since, each.name), reverse=True
    )
    kept = good[: retention.keep] if retention is not None else good
    return [_fate(each, retention, model=model, is_kept=each in kept) for each in idle]


def _fate(idle: Idle, retention: RetentionSection | None, *, model: str, is_kept: bool) -> Fate:
    if idle.release is None:
        return Fate(idle, "keep", None, "Others made it.")
    if retention is None:
        return Fate(idle, "keep", None, "The definition has no `retention`.")
    over = idle.since + length_of(retention.warm_for)
    if is_kept and retention.then == "delete":
        return Fate(idle, "delete", over, f"Kept for {retention.warm_for} after it had served.")
    if is_kept and idle.instance_count > FEWEST_INSTANCES:
        return Fate(idle, "scale_down", over, f"Kept as it is for {retention.warm_for} after it had served.")
    if is_kept:
        return Fate(idle, "keep", None, f"Among the last {retention.keep} that served before, on one machine.")
    if _is_good(idle, model):
        return Fate(idle, "delete", idle.since, f"Not among the last {retention.keep} that served before.")
    why = f"Of another model, {idle.model}" if idle.model != model else "Its release did not get through"
    return Fate(idle, "delete", over, f"{why}; kept for {retention.warm_for}.")


def _is_good(idle: Idle, model: str) -> bool:
    return idle.release is not None and idle.good and idle.model == model
