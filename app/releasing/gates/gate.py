"""What a gate is, and what it says while it is closed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from app.releases.plans import Change
from app.releases.states import Status
from app.releases.tables import Release, Rollout
from app.releasing.work import Work


@dataclass(frozen=True)
class Closed:
    """A rollout may not begin: not yet, where ``becomes`` is a status that waits, or never, where it is final."""

    becomes: Status
    code: str
    sentence: str
    until: datetime | None = None  # when the gate opens by itself; None: nobody knows, or never
    changed: Sequence[Change] = ()  # in the plan, since people approved it


Gate = Callable[[Work, Release, Rollout], Closed | None]
