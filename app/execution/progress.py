"""How far a rollout is: its plan beside the ends of its steps. Pure: what to carry out now, and when to look again."""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime

from app.errors import Conflict
from app.planning.plan import Plan
from app.planning.steps import On
from app.releases.order import goes_back, has_failed, outcome, ready
from app.releases.states import Control, Status, StepStatus
from app.releases.tables import StepRun

STEP_NOT_ON_RECORD = "step_not_on_record"

_BROKEN = frozenset({StepStatus.FAILED, StepStatus.ERRORED})


class Progress:
    """Of one rollout, as its rows are now."""

    def __init__(self, plan: Plan, steps: Sequence[StepRun]) -> None:
        """Raises Conflict where the rows are not those of the plan's steps."""
        if {step.key for step in steps} != {step.key for step in plan.steps}:
            raise Conflict(
                "The steps are not those of the plan: rows were changed past the service.", code=STEP_NOT_ON_RECORD
            )
        self.steps = steps
        self._planned = plan.steps
        self._kinds: Mapping[str, str] = {step.key: step.kind for step in plan.steps}
        self._on: Mapping[str, On] = {step.key: step.on for step in plan.steps}

    @property
    def has_failed(self) -> bool:
        """Whether what is left of the way forward is not gone."""
        return has_failed(self._planned, self._ends)

    def outcome(self, asked: Control | None) -> Status:
        """What it ended as, once nothing more is carried out."""
        return outcome(self._planned, self._ends, begun=self._begun, control=asked)

    def next_steps(self, running: Set[str], *, asked: Control | None, now: datetime) -> list[StepRun]:
        """Steps to carry out now. What a kill cut off is brought to its end even where nothing new begins any more."""
        ends, begun = dict(self._ends), set()
        for step in self.steps:
            if step.status is StepStatus.RUNNING or (step.status is StepStatus.WAITING and self._goes_on(step, asked)):
                begun.add(step.key)
            elif step.status is StepStatus.WAITING:
                ends[step.key] = StepStatus.SKIPPED  # it will not be waited for any more
        new = {planned.key for planned in ready(self._planned, ends, begun, begun=self._begun, control=asked)}
        return [
            step
            for step in self.steps
            if (step.status is StepStatus.RUNNING and step.id not in running)
            or (self._goes_on(step, asked) and (step.key in new or _is_due(step, now)))
        ]

    def next_due(self, asked: Control | None) -> datetime | None:
        """When the first of those that wait is to be carried out again; None: none is, any more."""
        waiting = [step for step in self.steps if step.wait_until is not None and self._goes_on(step, asked)]
        return min((step.wait_until for step in waiting if step.wait_until is not None), default=None)

    def has_begun(self, kind: str) -> bool:
        """Whether any step of a kind was carried out, in whatever attempt."""
        return any(step.attempts for step in self.steps if self._kinds[step.key] == kind)

    def brings_back(self, steps: Sequence[StepRun]) -> bool:
        """Whether any of these brings back what was changed."""
        return any(self._on.get(step.key) is On.FAILURE for step in steps)

    def goes_back(self, asked: Control | None) -> bool:
        """Whether what was changed is brought back, or was."""
        return goes_back(self._planned, self._ends, self._begun, control=asked)

    @property
    def broken(self) -> StepRun | None:
        """The first step of the way forward that failed."""
        return next((step for step in self._all_broken if self._on.get(step.key) is not On.FAILURE), None)

    @property
    def broken_on_the_way_back(self) -> StepRun | None:
        return next((step for step in self._all_broken if self._on.get(step.key) is On.FAILURE), None)

    @property
    def _all_broken(self) -> list[StepRun]:
        return [step for step in self.steps if step.status in _BROKEN]

    @property
    def _begun(self) -> Set[str]:
        """Also in an earlier attempt, and where it was stopped before its end: it may have changed something."""
        return {step.key for step in self.steps if step.attempts}

    @property
    def _ends(self) -> Mapping[str, StepStatus]:
        return {step.key: step.status for step in self.steps if step.status.is_final}

    def _goes_on(self, step: StepRun, asked: Control | None) -> bool:
        """Whether steps for its case are carried out now. What was asked stops everything but the way back."""
        match self._on.get(step.key):
            case On.SUCCESS:
                return asked is None and not self.has_failed
            case On.FAILURE:
                return self.goes_back(asked)
            case On.ALWAYS:
                return asked is None or self.goes_back(asked)
            case None:
                return False


def _is_due(step: StepRun, now: datetime) -> bool:
    return step.wait_until is not None and step.wait_until <= now
