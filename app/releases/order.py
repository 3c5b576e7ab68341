"""The order of steps: which may start, and the outcome of all. Pure.

A plan goes forward until something fails. Then nothing more of it begins; once what runs has ended, the steps that are for that case
bring back what was changed: as far as anything of it has begun. So they do where people cancel midway. Steps that are for either case
begin when what they need is over.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

from app.planning.steps import On
from app.releases.states import ENDS, Control, Status, StepStatus

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

    @property
    def undoes(self) -> tuple[str, ...]: ...

    @property
    def until(self) -> str | None: ...


Step = TypeVar("Step", bound=Ordered)


def has_failed(steps: Sequence[Ordered], ends: Ends) -> bool:
    """Whether something did that the plan does not go on from."""
    return any(ends.get(step.key) in _BROKEN for step in _forward(steps))


def way_back(steps: Sequence[Step], ends: Ends, begun: Set[str]) -> list[Step]:
    """The steps that bring back what has been done. Each is for what it needs: where nothing of that has begun, it has nothing to do.

    ``begun``: keys of all that was ever begun, whatever has become of it since.
    """
    return [
        step
        for step in steps
        if step.on is On.FAILURE
        and (step.until is None or ends.get(step.until) is not StepStatus.SUCCEEDED)
        and _is_called_for(step, steps, begun)
    ]


def goes_back(steps: Sequence[Ordered], ends: Ends, begun: Set[str], *, control: Control | None = None) -> bool:
    """Whether what has been done is to be brought back: something failed, or people ended it before all was done."""
    if not way_back(steps, ends, begun):
        return False
    return has_failed(steps, ends) or (control in ENDS and not _is_through(steps, ends))


def ready(
    steps: Sequence[Step],
    ends: Ends,
    running: Set[str],
    *,
    begun: Set[str] | None = None,
    control: Control | None = None,
) -> list[Step]:
    """Steps that may begin now. ``running``: keys of those that have begun and not ended. ``begun``: None: those, and what has ended."""
    ever = _ever(ends, running) if begun is None else begun
    back = goes_back(steps, ends, ever, control=control)
    wanted = {step.key for step in way_back(steps, ends, ever)} if back else set()
    is_over = _Over(steps, ends, running, back=back, wanted=wanted)
    return [step for step in steps if step.key not in ends and step.key not in running and _may_begin(step, is_over)]


def outcome(
    steps: Sequence[Ordered], ends: Ends, *, begun: Set[str] | None = None, control: Control | None = None
) -> Status:
    """What a rollout ended as, once nothing more begins. One that stopped midway did what was asked of it."""
    ever = _ever(ends, frozenset()) if begun is None else begun
    if goes_back(steps, ends, ever, control=control):
        if any(ends.get(step.key) is not StepStatus.SUCCEEDED for step in way_back(steps, ends, ever)):
            return Status.FAILED
        return Status.ROLLED_BACK if has_failed(steps, ends) or control is Control.ABORT else Status.CANCELLED
    if any(ends.get(step.key) in _BROKEN for step in steps if step.on is not On.FAILURE):
        return Status.FAILED
    if _is_through(steps, ends):
        return Status.SUCCEEDED
    return Status.PAUSED if control is Control.PAUSE else Status.CANCELLED


@dataclass(frozen=True)
class _Over:
    """Of one look at the steps: which of them have ended, or never begin any more."""

    steps: Sequence[Ordered]
    ends: Ends
    running: Set[str]
    back: bool  # what has been done is to be brought back
    wanted: Set[str]  # keys of the steps that do so

    @cached_property
    def has_stopped(self) -> bool:
        """Whether nothing more of the way forward begins."""
        return self.back or any(
            self.ends.get(step.key, StepStatus.SUCCEEDED) is not StepStatus.SUCCEEDED for step in _forward(self.steps)
        )

    def __call__(self, step: Ordered) -> bool:
        if step.key in self.ends:
            return True
        if step.key in self.running:
            return False
        match step.on:
            case On.SUCCESS:
                return self.has_stopped
            case On.FAILURE if self.back:
                before = [need for need in _needed_by(step, self.steps) if need.on is On.FAILURE]
                return step.key not in self.wanted or any(
                    self(need) and self.ends.get(need.key) is not StepStatus.SUCCEEDED for need in before
                )
            case On.FAILURE:
                return has_failed(self.steps, self.ends) or all(
                    self.ends.get(each.key) is StepStatus.SUCCEEDED for each in _forward(self.steps)
                )
            case On.ALWAYS:
                return False


def _may_begin(step: Ordered, is_over: _Over) -> bool:
    needed = _needed_by(step, is_over.steps)
    match step.on:
        case On.SUCCESS:
            return not is_over.has_stopped and all(
                is_over.ends.get(need.key) is StepStatus.SUCCEEDED for need in needed
            )
        case On.FAILURE:
            return (
                step.key in is_over.wanted
                and not any(each.key in is_over.running for each in is_over.steps if each.on is On.SUCCESS)
                and all(
                    is_over.ends.get(need.key) is StepStatus.SUCCEEDED if need.on is On.FAILURE else is_over(need)
                    for need in needed
                )
            )
        case On.ALWAYS:
            return all(is_over(need) for need in needed)


def _is_called_for(step: Ordered, steps: Sequence[Ordered], begun: Set[str]) -> bool:
    """What needs no other step is for whatever fails; what needs only steps that bring back goes with those."""
    needed = _needed_by(step, steps)
    done = [need for need in needed if need.on is not On.FAILURE and (not step.undoes or need.key in step.undoes)]
    if done:
        return any(need.key in begun for need in done)
    return not needed or any(_is_called_for(need, steps, begun) for need in needed)


def _ever(ends: Ends, running: Set[str]) -> Set[str]:
    return {key for key, end in ends.items() if end is not StepStatus.SKIPPED} | running


def _is_through(steps: Sequence[Ordered], ends: Ends) -> bool:
    return all(ends.get(step.key) is StepStatus.SUCCEEDED for step in steps if step.on is not On.FAILURE)


def _forward(steps: Sequence[Ordered]) -> list[Ordered]:
    """Steps whose failing is one: not those that bring back, and not those that wait for these."""
    by_key = {step.key: step for step in steps}
    known: dict[str, bool] = {}  # each step is looked at once, not once for each that needs it

    def waits_for_failure(step: Ordered) -> bool:
        if step.key not in known:
            needed = [by_key[key] for key in step.needs if key in by_key]
            known[step.key] = any(need.on is On.FAILURE or waits_for_failure(need) for need in needed)
        return known[step.key]

    return [step for step in steps if step.on is not On.FAILURE and not waits_for_failure(step)]


def _needed_by(step: Ordered, steps: Sequence[Ordered]) -> list[Ordered]:
    return [each for each in steps if each.key in step.needs]
