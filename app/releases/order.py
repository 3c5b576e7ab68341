"""The order of steps: which may begin, and what their ends add up to. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.releases.states import Control, Status, StepStatus


@dataclass(frozen=True)
class Node:
    """A step run in the graph of its plan."""

    id: str
    key: str
    needs: tuple[str, ...]


def ready(nodes: Sequence[Node], statuses: Mapping[str, StepStatus], running: set[str]) -> list[Node]:
    """Steps that may begin now. None any more once one has not succeeded; needs of earlier stages are met already."""
    if any(status is not StepStatus.SUCCEEDED for status in statuses.values()):
        return []
    keys = {node.key for node in nodes}
    return [
        node
        for node in nodes
        if node.key not in statuses
        and node.key not in running
        and all(need in statuses for need in node.needs if need in keys)
    ]


def outcome(statuses: Sequence[StepStatus], *, control: Control | None = None) -> Status:
    """What a rollout ended as: the worst of its steps wins; one that stopped midway did what was asked of it."""
    if any(status in {StepStatus.FAILED, StepStatus.ERRORED} for status in statuses):
        return Status.FAILED
    if all(status is StepStatus.SUCCEEDED for status in statuses):
        return Status.SUCCEEDED
    return Status.PAUSED if control is Control.PAUSE else Status.CANCELLED
