"""What a target goes back to when nobody names it. Pure.

Going back twice goes one further back, not forth again: what was rolled away from is no place to go back to.
"""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """A rollout that came to its good end at a target. ``content``: the release whose content serves since; None: others' deployment."""

    release: str
    content: str | None
    went_back: bool = False


def previous(turns: Iterable[Turn]) -> str | None:
    """The release before the one whose content came last, the newest turn first; None: there is none.

    Reads no further than it has to. A release's content comes first by that release itself, and again by what goes back to it.
    """
    left: dict[str, bool] = {}  # whether it was rolled away from, when it served last
    serves: str | None = None
    later: Turn | None = None
    came_before = False
    for turn in turns:
        if later is None and turn.content is None:
            return None
        serves = serves or turn.content
        if turn.content is not None and turn.content not in left:
            left[turn.content] = later is not None and later.went_back and later.content != turn.content
        if turn.content is not None and turn.content == turn.release:
            if came_before and turn.content != serves and not left[turn.content]:
                return turn.content
            came_before = came_before or turn.content == serves
        later = turn
    return None
