"""Who must approve a rollout: what definitions and guardrails write, and plans hold."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from app.documents.named import Named
from app.documents.section import Section

Duration = Annotated[str, Named(r"^[1-9][0-9]{0,3}[mhdw]$", "a length of time, such as `30m`, `12h`, `3d` or `2w`")]
PersonOrGroup = Annotated[str, Named(r"^\S(.{0,98}\S)?$", "a name of a person or a group: 1 to 100 characters")]

_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def length_of(duration: str) -> timedelta:
    """How long a ``Duration`` is."""
    return timedelta(**{_UNITS[duration[-1]]: int(duration[:-1])})


class BreakGlassSection(Section):
    """Break-glass: how to start a stage in an emergency, bypassing approvals, soaks, freezes and holds."""

    count: Annotated[StrictInt, Field(ge=2, le=20)] = 2
    """How many people must use break-glass, each with a reason: at least two."""
    groups: tuple[PersonOrGroup, ...] = ()
    """The groups that may use it; without any, everybody with the role operator."""


class ApprovalSection(Section):
    """Who must approve before a stage starts."""

    count: Annotated[StrictInt, Field(ge=1, le=20)] = 1
    """How many people must approve."""
    groups: tuple[PersonOrGroup, ...] = ()
    """One approval must come from each of these groups. A person in two groups counts for both."""
    self_approval: StrictBool = False
    """Whether the requester and the author of the training job's commit may approve it."""
    never: tuple[PersonOrGroup, ...] = ()
    """People and groups who may not decide."""
    expires_after: Duration | None = None
    """How long it waits for approval before it expires; without it, forever."""
    comment: Literal["required", "optional"] = "optional"
    """Whether an approval needs a reason; a rejection always does."""
    break_glass: BreakGlassSection | None = None
    """Break-glass for emergencies; without it, there is none."""


ANYBODY = ApprovalSection(self_approval=True)
