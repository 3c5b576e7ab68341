"""Golden requests: what a model must answer before it gets traffic."""

import json
import math
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from app.evidence.cleaning import clean
from app.steps.contract import Refused

_SHOWN = 300  # characters of a value in a sentence


class Golden(BaseModel):
    """One request, and what the answer must hold at least."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    request: Any
    expect: Any


def read_golden(bundle: Path, golden: str | list[Any] | None) -> list[Golden]:
    """From a file of the bundle, or as given. Raises Refused when it cannot be read."""
    if golden is None:
        return []
    try:
        listed = json.loads((bundle / golden).read_text(encoding="utf-8-sig")) if isinstance(golden, str) else golden
        return TypeAdapter(list[Golden]).validate_python(listed)
    except (OSError, ValueError, ValidationError, RecursionError) as wrong:
        raise Refused(f"The golden requests cannot be read: {wrong}", code="golden_unreadable") from None


def holds(expected: Any, got: Any) -> bool:
    """Whether everything expected is in what was got: keys of objects, each item of lists, numbers to six digits."""
    match expected, got:
        case dict(), dict():
            return all(key in got and holds(value, got[key]) for key, value in expected.items())
        case list(), list():
            return len(expected) == len(got) and all(map(holds, expected, got))
        case (bool(), _) | (_, bool()):
            return expected is got
        case (int() | float(), int() | float()):
            return _is_close(expected, got)
    return bool(expected == got)


def _is_close(expected: float, got: float) -> bool:
    try:
        return math.isclose(expected, got, rel_tol=1e-6, abs_tol=1e-9)
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
