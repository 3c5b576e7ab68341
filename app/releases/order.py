"""The order of steps: which may start, and the outcome of all. Pure.

A plan goes forward until something fails. Then nothing more of it begins; once what runs has ended, the steps that are for that case
bring back what was changed. Steps that are for either case begin when what they need is over.
"""

from collections.abc import Mapping, Sequence, Set
from typing import Protocol, TypeVar

from app.planning.steps import On
from app.releases.states import Control, Status, StepStatus

Ends = Mapping[str, StepStatus]  # by key: of the steps that have ended

_BROKEN = frozenset({StepStatus.FAILED, StepStatus.ERRORED})


class Ordered(Protocol):
    """What of a planned step says when it begins. Needs in earlier stages are met already."""

    @property
    def key(self) -> str: ...

    @property
    def needs(self) -> tuple[str, ...]: ...

    @property
    def on(self) -> On: ...


Step = TypeVar("Step", bound=Ordered)


def has_failed(steps: Sequence[Ordered], ends: Ends) -> bool:
    """Whether something did that the plan does not go on from."""
    return any(ends.get(step.key) in _BROKEN for step in _forward(steps))


def ready(steps: Sequence[Step], ends: Ends, running: Set[str]) -> list[Step]:
    """Steps that may begin now. ``running``: keys of those that have begun and not ended."""
    return [
        step
        for step in steps
        if step.key not in ends and step.key not in running and _may_begin(step, steps, ends, running)
    ]


def outcome(steps: Sequence[Ordered], ends: Ends, *, control: Control | None = None) -> Status:
    """What a rollout ended as, once nothing more begins. One that stopped midway did what was asked of it."""
    if has_failed(steps, ends):
        back = [step for step in steps if step.on is On.FAILURE]
        is_back = all(ends.get(step.key) is StepStatus.SUCCEEDED for step in back)
        return Status.ROLLED_BACK if back and is_back else Status.FAILED
    others = [ends.get(step.key) for step in steps if step.on is not On.FAILURE]
    if any(end in _BROKEN for end in others):
        return Status.FAILED
    if all(end is StepStatus.SUCCEEDED for end in others):
        return Status.SUCCEEDED
    return Status.PAUSED if control is Control.PAUSE else Status.CANCELLED


def _may_begin(step: Ordered, steps: Sequence[Ordered], ends: Ends, running: Set[str]) -> bool:
    needed = _needed_by(step, steps)
    match step.on:
        case On.SUCCESS:
            return not _has_stopped(steps, ends) and all(ends.get(need.key) is StepStatus.SUCCEEDED for need in needed)
        case On.FAILURE:
            return (
                has_failed(steps, ends)
                and not any(each.key in running for each in steps if each.on is On.SUCCESS)
                and all(
                    ends.get(need.key) is StepStatus.SUCCEEDED
                    if need.on is On.FAILURE
                    else _is_over(need, steps, ends, running)
                    for need in needed
                )
            )
        case On.ALWAYS:
            return all(_is_over(need, steps, ends, running) for need in needed)


def _is_over(step: Ordered, steps: Sequence[Ordered], ends: Ends, running: Set[str]) -> bool:
    """It has ended, or never begins any more."""
    if step.key in ends:
        return True
    if step.key in running:
        return False
    match step.on:
        case On.SUCCESS:
            return _has_stopped(steps, ends)
        case On.FAILURE if has_failed(steps, ends):
            before = [need for need in _needed_by(step, steps) if need.on is On.FAILURE]
            return any(
                _is_over(need, steps, ends, running) and ends.get(need.key) is not StepStatus.SUCCEEDED
                for need in before
            )
        case On.FAILURE:
            return all(ends.get(each.key) is StepStatus.SUCCEEDED for each in _forward(steps))
        case On.ALWAYS:
            return False


def _forward(steps: Sequence[Ordered]) -> list[Ordered]:
    """Steps whose failing is one: not those that bring back, and not those that wait for these."""
    return [step for step in steps if step.on is not On.FAILURE and not _waits_for_failure(step, steps)]


def _waits_for_failure(step: Ordered, steps: Sequence[Ordered]) -> bool:
    return any(need.on is On.FAILURE or _waits_for_failure(need, steps) for need in _needed_by(step, steps))


def _has_stopped(steps: Sequence[Ordered], ends: Ends) -> bool:
    return any(ends.get(step.key, StepStatus.SUCCEEDED) is not StepStatus.SUCCEEDED for step in _forward(steps))


def _needed_by(step: Ordered, steps: Sequence[Ordered]) -> list[Ordered]:
    return [each for each in steps if each.key in step.needs]
