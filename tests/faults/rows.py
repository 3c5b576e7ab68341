"""What a row of the table is: a fault of Azure's, the step that it strikes, and what becomes of the release."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Json = dict[str, Any]
Outcome = Literal["succeeds", "failed", "errored"]

SERVES = "1 version, 1 endpoint, 1 deployment that serves"
SERVES_IN_PROD = "1 version, 1 copy, 1 endpoint, 1 deployment that serves"


@dataclass(frozen=True)
class Fault:
    """In words, and in the emulator's: what happens to a request, or how an operation ends."""

    name: str
    strikes: Mapping[str, Any]
    waits: float = 0.0  # seconds that Azure asks for


@dataclass(frozen=True)
class Target:
    """What of a step a fault strikes. ``{m}`` stands for the model's name, ``{e}`` for the environment's."""

    method: str = ".*"
    path: str = ""  # a pattern; empty: an operation is struck
    skip: int = 0  # requests of earlier steps that look the same
    operation: str = ""
    resource: str = ".*"


@dataclass(frozen=True)
class Row:
    """``tries``: how often the step is carried out. ``says``: what its sentence holds. ``left``: what is in Azure afterwards.

    Rows of one ``release`` strike different steps of the same release; without it a row has a release of its own.
    """

    fault: Fault
    step: str
    target: Target
    outcome: Outcome = "succeeds"
    tries: int = 1
    code: str = ""
    says: tuple[str, ...] = ()
    left: str = SERVES
    release: str = ""
    minutes: Mapping[str, float] = field(default_factory=dict)  # timeouts in the definition, by step
    earlier: int = 0  # releases that went well before
    alone: bool = False  # what it strikes has no name of the team in it: nothing else may run meanwhile

    @property
    def id(self) -> str:
        return f"{self.step}: {self.fault.name}"

    @property
    def release_ends(self) -> str:
        return "succeeded" if self.outcome == "succeeds" else "failed"

    @property
    def outcome_in_words(self) -> str:
        if self.outcome == "succeeds":
            return "succeeds at once" if self.tries == 1 else f"succeeds at try {self.tries}"
        return f"{self.outcome}: `{self.code}`" + (f" after {self.tries} tries" if self.tries > 1 else "")
