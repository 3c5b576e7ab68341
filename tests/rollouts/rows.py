"""What a row of ``docs/rollouts.md`` is: what happens, how to bring it about, and what was measured then."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

Scene = TypeVar("Scene")


@dataclass(frozen=True)
class Row(Generic[Scene]):
    """``carry_out`` gives what it measured, by the section's columns: the test compares that with ``outcome``, the page shows it."""

    happens: str
    carry_out: Callable[[Scene], Mapping[str, str]]
    outcome: Mapping[str, str]


@dataclass(frozen=True)
class Section(Generic[Scene]):
    """Rows with the same columns, carried out in one test module with a scene of its own."""

    title: str
    says: str
    rows: tuple[Row[Scene], ...]
