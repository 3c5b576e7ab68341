"""The contract of a step: converge.

A step reads what is there and drives it to what is wanted: absent → create; in progress → attach and wait; there and the same
→ done; there and different → refuse with a diff, unless the kind may replace it; failed → classify. It may be killed at any
moment and run again from its start, on another machine, and the result is the same.

A step is one function in a module of its own, ``steps/<kind>.py``, named as its kind: ``def <kind>(context, config) -> Done``.
It returns ``Done``, or ``Waiting``: not yet. While it waits nothing is held for it, no thread, no connection, no worker; at the
time that it named it is carried out again from its start, by any worker, with what it gave to be remembered. Or it raises

- ``Refused`` (the business says no: the step ends ``failed``), or
- one of ``azureml.errors``: retryable ones are tried again by the workflow, the others end the step ``errored``, or
- ``Interrupted`` or ``OutOfTime``, out of ``context.checkpoint()``: somebody cancelled or paused, this worker must let go, or
  the step has taken longer than its plan allows.

It never touches the database, and it holds nothing that must outlive it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from app.documents.json_object import Json
from app.errors import StepError
from app.evidence.log import Log
from app.evidence.redaction import sentence_of
from app.evidence.reports import Report
from app.planning.observed import Observed


class Refused(StepError):
    """The business says no: trying again unchanged cannot help.

    ``log``: what the team's code wrote, which no sentence repeats. ``observed``: what was read back, where that is not what was wanted.
    ``report``: what was measured, where that is the reason.
    """

    default_code = "refused"

    def __init__(
        self,
        sentence: str,
        *,
        code: str | None = None,
        hint: str | None = None,
        log: Log | None = None,
        observed: Observed | None = None,
        report: Report | None = None,
        **details: Any,
    ) -> None:
        super().__init__(sentence_of(sentence), code=code, hint=hint, **details)
        self.log = log
        self.observed = observed
        self.report = report


class Interrupted(StepError):
    """The step was asked to stop at a safe point."""

    default_code = "interrupted"

    def __init__(self, reason: Literal["cancelled", "paused", "released"], sentence: str) -> None:
        super().__init__(sentence, code=reason)
        self.reason = reason


class OutOfTime(StepError):
    """The step's time is over: whatever it waits for is stuck."""

    default_code = "timed_out"

    def __init__(self) -> None:
        super().__init__("The step timed out.")


@dataclass(frozen=True)
class Done:
    """What is true now. ``changed`` is False when the wanted state already held."""

    sentence: str
    output: Json = field(
        default_factory=dict
    )  # plain JSON, no secrets: stored, shown, handed to the steps that need it
    changed: bool = True
    observed: Observed | None = None  # what was read back from Azure: becomes the serving record
    report: Report | None = None  # what was measured, and what that came to: kept as evidence


@dataclass(frozen=True)
class Waiting:
    """Not yet. Waiting is no attempt: it burns no retry budget. The step's timeout goes on, counted from its first begin."""

    until: datetime  # by ``Context.now``; then the step is carried out again
    sentence: str  # what it waits for
    memory: Json = field(default_factory=dict)  # plain JSON, no secrets: handed back as ``Context.memory``
    asks: str | None = None  # why a person is asked to answer, as a code; the answer comes as ``Context.answer``
    report: Report | None = None  # what was measured, where that is what a person is asked about


Outcome = Done | Waiting


@dataclass(frozen=True)
class PersonsAnswer:
    """What a person said to a step that waits: ``advance`` has it go on now, ``extend`` wait once more as long."""

    answer: Literal["advance", "extend"]
    by: str
    at: datetime
    reason: str


@dataclass(frozen=True)
class Context:
    """What a step is given beside its own config."""

    release: str
    stage: str
    unpack: Callable[[], Path]  # where the definition's files come from: not every step needs them
    scratch: Path  # an empty folder of this attempt, removed afterwards
    outputs: Mapping[str, Mapping[str, Any]]  # of the steps that this one needs, by their key
    checkpoint: Callable[
        [], None
    ]  # call it in every poll loop and before every write to Azure; raises Interrupted or OutOfTime
    wait: Callable[[float], None]  # wait so many seconds between two looks; wakes early to raise Interrupted
    report: Callable[[str], None]  # one sentence of what is going on, for people who watch
    now: Callable[[], datetime]  # by the database's clock, which all workers agree on
    first_begun_at: datetime  # also before it waited, and on whatever worker that was
    memory: Mapping[str, Any] = field(default_factory=dict)  # what it gave when it last said ``Waiting``; empty before
    answer: PersonsAnswer | None = None  # given since it last said ``Waiting``

    @cached_property
    def bundle(self) -> Path:
        """The definition's files, unpacked; read only."""
        return self.unpack()


Step = Callable[[Context, Any], Outcome]  # with the config of its kind
