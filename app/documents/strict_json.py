"""JSON that every program reads in the same way: what is signed or reviewed is what is used."""

import json
import math
from typing import Any, NoReturn

from app.errors import Invalid, TooLarge

DEEPEST = 40


class Ambiguous(ValueError):
    """JSON that programs read in several ways: what was reviewed need not be what is sent."""


def loads(text: str) -> Any:
    """The document. Raises ValueError: ``Ambiguous`` for a key that occurs twice or a number without end, JSONDecodeError for broken
    syntax; and RecursionError where it is nested too deeply for this process."""
    return json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once, parse_float=_finite)


def read_strictly(content: bytes, *, what: str, code: str, largest: int) -> dict[str, Any]:
    """A JSON object in UTF-8 of at most ``largest`` bytes, nested at most 40 deep. Raises TooLarge, or Invalid with ``code``.

    ``what`` begins the sentences of both.
    """
    if len(content) > largest:
        raise TooLarge(f"{what} is larger than {largest:,} bytes.", code="document_too_large")
    try:
        document = loads(content.decode())
    except UnicodeDecodeError:
        raise Invalid(f"{what} is not text in UTF-8.", code=code) from None
    except json.JSONDecodeError as broken:
        raise Invalid(f"{what} is not JSON: {broken.msg} in line {broken.lineno}.", code=code) from None
    except RecursionError:
        raise Invalid(f"{what} is nested too deeply.", code=code) from None
    except Ambiguous as broken:
        raise Invalid(f"{what} {broken}.", code=code) from None
    except ValueError as broken:  # of Python's own limits, such as that on the digits of a whole number
        raise Invalid(f"{what} is not JSON: {broken}.", code=code) from None
    if not isinstance(document, dict):
        raise Invalid(f"{what} is not a JSON object.", code=code)
    if _depth(document) > DEEPEST:
        raise Invalid(f"{what} is nested too deeply.", code=code)
    return document


def _depth(document: Any) -> int:
    """By levels, not by recursion."""
    depth, level = 0, [document]
    while level:
        depth += 1
        level = [
            inner
            for each in level
            if isinstance(each, dict | list)
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    return depth


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not allowed")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise Ambiguous(f"has a number that is too large: {number[:40]}")
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys: dict[str, Any] = dict(pairs)
    if len(keys) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Ambiguous(f"has `{twice[:40]}` twice in one object")
    return keys
