"""The steps of a plan: what each is told, what it needs, and in which case it is carried out."""

from enum import StrEnum
from typing import Any

from pydantic import Field, SerializeAsAny, model_validator

from app.planning.frozen import Frozen
from app.planning.kinds import KINDS, StepConfig


class On(StrEnum):
    """When a step is carried out, once its needs allow it."""

    SUCCESS = "success"  # nothing has failed
    FAILURE = "failure"  # something has failed, and what ran has ended
    ALWAYS = "always"  # its needs have ended, or never begin any more


class PlannedStep(Frozen):
    """One step. ``needs`` are keys of steps of this rollout, or of an earlier one as ``ids.need_in`` names them.

    The key is what the step is known by, and has no slash; several steps may be of one kind. ``until``, of one for the case that something
    fails: the step after whose success nothing is brought back any more. ``undoes``, of such a one: those whose work it brings back, none:
    all that it needs.
    """

    key: str = Field(pattern=r"^[^/]+$")
    kind: str
    needs: tuple[str, ...] = ()
    on: On = On.SUCCESS
    until: str | None = None
    undoes: tuple[str, ...] = ()
    timeout_seconds: float  # from its start to its end
    config: SerializeAsAny[StepConfig]

    @classmethod
    def of(
        cls,
        config: StepConfig,
        *,
        needs: tuple[str, ...] = (),
        key: str | None = None,
        on: On = On.SUCCESS,
        until: str | None = None,
        undoes: tuple[str, ...] = (),
        timeout_seconds: float | None = None,
    ) -> "PlannedStep":
        """A step of this config's kind, with the kind's own name and time unless it is told another."""
        if timeout_seconds is None:
            assert config.minutes is not None, "whoever plans a kind without a time of its own says one"
            timeout_seconds = config.minutes * 60
        return cls(
            key=key or config.kind,
            kind=config.kind,
            needs=needs,
            on=on,
            until=until,
            undoes=undoes,
            timeout_seconds=timeout_seconds,
            config=config,
        )

    @model_validator(mode="before")
    @classmethod
    def _read_config(cls, written: Any) -> Any:
        """By its kind."""
        if not isinstance(written, dict) or isinstance(written.get("config"), StepConfig):
            return written
        kind = KINDS.get(written.get("kind", ""))
        if kind is None:
            raise ValueError(f"there is no kind of step {written.get('kind')!r}")
        return {**written, "config": kind.model_validate(written.get("config"))}

    @model_validator(mode="after")
    def _is_of_its_kind(self) -> "PlannedStep":
        if self.config.kind != self.kind:
            raise ValueError(f"a step of kind {self.kind} takes no config of {self.config.kind}")
        return self
