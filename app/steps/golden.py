"""Golden requests: what a model must answer before it gets traffic, and how one answer is judged."""

import json
import math
from pathlib import Path
from typing import Any

import jsonpath
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from app.evidence.cleaning import clean
from app.steps.contract import Refused

_SHOWN = 300  # characters of a value in a sentence


class Golden(BaseModel):
    """One request, and what the answer must hold at least (``expect``), or what is right and only counts (``label``).

    ``path``: where in the answer, as a JSON path to one value. ``tolerance``: by how much numbers may differ.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: Any
    expect: Any = None
    label: Any = None
    path: str | None = None
    tolerance: float | None = None

    @property
    def is_labelled(self) -> bool:
        return "label" in self.model_fields_set

    @property
    def right(self) -> Any:
        """What is right."""
        return self.label if self.is_labelled else self.expect

    def found_in(self, body: Any, *, labels_at: str = "$") -> Any:
        """What of an answer is judged; ``NOTHING`` where the answer has nothing there. ``labels_at``: unless it says where itself."""
        path = self.path or (labels_at if self.is_labelled else "$")
        if path == "$":
            return body
        values = jsonpath.findall(path, body) if isinstance(body, dict | list) else []
        return values[0] if values else NOTHING

    def is_right(self, body: Any, *, labels_at: str = "$") -> bool:
        """A label is right as a whole, an expectation where the answer holds it; numbers to six digits, or to the tolerance."""
        got = self.found_in(body, labels_at=labels_at)
        within = holds(self.right, got, tolerance=self.tolerance)
        return within and (not self.is_labelled or holds(got, self.right, tolerance=self.tolerance))


class _Nothing:
    """Equal to no JSON."""

    def __repr__(self) -> str:
        return "nothing there"


NOTHING = _Nothing()


def read_golden(bundle: Path, golden: str | list[Any] | None) -> list[Golden]:
    """From a file of the bundle, or as given. Raises Refused when it cannot be read."""
    if golden is None:
        return []
    try:
        listed = json.loads((bundle / golden).read_text(encoding="utf-8-sig")) if isinstance(golden, str) else golden
        return TypeAdapter(list[Golden]).validate_python(listed)
    except (OSError, ValueError, ValidationError, RecursionError) as wrong:
        raise Refused(f"The golden requests cannot be read: {wrong}", code="golden_unreadable") from None


def holds(expected: Any, got: Any, *, tolerance: float | None = None) -> bool:
    """Whether everything expected is in what was got: keys of objects, each item of lists, numbers to six digits or the tolerance."""
    match expected, got:
        case dict(), dict():
            return all(key in got and holds(value, got[key], tolerance=tolerance) for key, value in expected.items())
        case list(), list():
            pairs = zip(expected, got, strict=False)
            return len(expected) == len(got) and all(holds(*pair, tolerance=tolerance) for pair in pairs)
        case (bool(), _) | (_, bool()):
            return expected is got
        case (int() | float(), int() | float()):
            return _is_close(expected, got, tolerance)
    return bool(expected == got)


def _is_close(expected: float, got: float, tolerance: float | None) -> bool:
    try:
        return math.isclose(expected, got, rel_tol=1e-6, abs_tol=1e-9 if tolerance is None else tolerance)
    except OverflowError:  # a whole number that no float holds
        return expected == got


def shown(value: Any) -> str:
    """A value short enough for a sentence, and without characters that no database or page takes."""
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except RecursionError:
        return "(nested too deeply to show)"
    text = clean(text[: 2 * _SHOWN])
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
