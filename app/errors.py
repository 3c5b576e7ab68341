"""The errors of the service.

    MlreleaseError
    ├── Invalid          what was sent is malformed; ``problems`` lists every mistake
    ├── NotFound         it does not exist
    ├── Conflict         it is there, but its state does not allow this
    ├── TooLarge         more bytes, files or entries than is accepted
    ├── TooSlow          it does not arrive in the time that is given to it
    ├── Unauthenticated  no valid credentials
    ├── Forbidden        known, but not allowed
    ├── Unavailable      a dependency does not respond; try again
    ├── Misconfigured    this process cannot start or work with its settings
    └── StepError        a step did not reach what it wants, see ``steps.contract`` and ``azureml.errors``

None of them knows HTTP: ``api.problems`` maps each family to a status. Each carries a ``code`` for machines, one sentence for
people and, where there is something to do about it, a ``hint`` that says what.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Mistake:
    """A mistake in a file or request: where (file, line from 1), and what was expected."""

    message: str
    file: str | None = None
    line: int | None = None
    field: str | None = None

    def __str__(self) -> str:
        place = ":".join(str(part) for part in (self.file, self.line) if part is not None)
        return ": ".join(part for part in (place, self.field, self.message) if part)


class MlreleaseError(Exception):
    """Base of all errors: ``code`` is stable and snake_case, ``sentence`` is for people, ``hint`` says what to do."""

    default_code: ClassVar[str] = "error"

    def __init__(self, sentence: str, *, code: str | None = None, hint: str | None = None, **details: Any) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or self.default_code
        self.hint = hint
        self.details = details  # plain JSON, shown to the caller: never a secret

    def __str__(self) -> str:
        return f"{self.sentence} {self.hint}" if self.hint else self.sentence


class Invalid(MlreleaseError):
    default_code = "invalid"

    def __init__(
        self,
        sentence: str,
        *,
        mistakes: Sequence[Mistake] = (),
        code: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(sentence, code=code, hint=hint)
        self.mistakes = tuple(mistakes)


class NotFound(MlreleaseError):
    default_code = "not_found"


class Conflict(MlreleaseError):
    default_code = "conflict"


class TooLarge(MlreleaseError):
    default_code = "too_large"


class TooSlow(MlreleaseError):
    default_code = "too_slow"


class Unauthenticated(MlreleaseError):
    default_code = "unauthenticated"


class Forbidden(MlreleaseError):
    default_code = "forbidden"


class Unavailable(MlreleaseError):
    default_code = "unavailable"


class Misconfigured(MlreleaseError):
    default_code = "misconfigured"


class StepError(MlreleaseError):
    """Base of what ends or interrupts a step."""

    default_code = "step_error"
