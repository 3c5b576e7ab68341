"""What a target goes back to when nobody names it. Pure.

Going back twice goes one further back, not forth again: what was rolled away from is no place to go back to.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """A rollout that came to its good end at a target. ``content``: the release whose content serves since; None: others' deployment."""

    release: str
    content: str | None
    went_back: bool = False


def previous(turns: Sequence[Turn]) -> str | None:
    """The release before the one whose content came last, the oldest turn first; None: there is none."""
    came: dict[str, None] = {}  # by their first time, in order
    left: set[str] = set()
    serves: str | None = None
    for turn in turns:
        if turn.went_back and serves is not None and serves != turn.content:
            left.add(serves)
        serves = turn.content
        if serves is not None:
            came.setdefault(serves)
            left.discard(serves)
    order = [*came]
    before = order[: order.index(serves)] if serves is not None else []
    return next((each for each in reversed(before) if each not in left), None)
