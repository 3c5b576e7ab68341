"""What both databases take and give back unchanged: one function for text, one for JSON.

PostgreSQL refuses NUL bytes and lone surrogates in text, and NaN and NUL in JSON; SQLite takes some of it and refuses other things. A
value that only one of them takes would fail where nobody expects it: in the write that records how something ended. So what comes
from outside is cleaned where it comes in, and once more before it is stored. What was changed stays visible: U+FFFD for a character
that cannot be kept, ``"NaN"`` for a number that is none.
"""

import math
import re
from collections.abc import Mapping
from datetime import date, datetime
from enum import Enum
from typing import Any

LONGEST_TEXT = 100_000  # characters of one text
DEEPEST = 64  # levels of lists and mappings in each other
LARGEST = 2**63 - 1  # the largest whole number that a column of either database holds
_EXACT = 1e16  # from here on PostgreSQL gives a float without a fraction back as a whole number

_NOT_STORABLE = re.compile("[\0\ud800-\udfff]")


def storable_text(text: str) -> str:
    """``text`` with U+FFFD in place of what cannot be stored, and cut where it is too long."""
    clean = replace_unstorable(text)
    return (
        clean if len(clean) <= LONGEST_TEXT else f"{clean[:LONGEST_TEXT]}… ({len(clean) - LONGEST_TEXT} characters cut)"
    )


def replace_unstorable(text: str) -> str:
    """``text`` at its full length, with U+FFFD in place of what cannot be stored."""
    if text.isascii() and "\0" not in text:
        return text
    return _NOT_STORABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def storable_json(value: Any) -> Any:
    """``value`` as plain JSON that is read back as it was written; cleaning it again changes nothing."""
    return _clean(value, DEEPEST)


def _clean(value: Any, levels: int) -> Any:
    match value:
        case None | bool():
            return value
        case Enum():
            return _clean(value.value, levels)
        case str():
            return storable_text(value)
        case int():
            return _clean_int(int(value))
        case float():
            return _clean_float(float(value))
        case datetime() | date():
            return value.isoformat()
        case Mapping() | list() | tuple() | set() | frozenset() if levels == 0:
            return f"(nested deeper than {DEEPEST} levels)"
        case Mapping():
            return {_key(key): _clean(each, levels - 1) for key, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_clean(each, levels - 1) for each in value]
        case _:
            return storable_text(str(value))


def _key(key: Any) -> str:
    """As ``json`` writes keys that are no text."""
    clean = _clean(key, 0)
    if isinstance(clean, str):
        return clean
    return (
        {None: "null", True: "true", False: "false"}[clean] if clean is None or isinstance(clean, bool) else str(clean)
    )


def _clean_int(number: int) -> int | str:
    if -LARGEST - 1 <= number <= LARGEST:
        return number
    # Python writes no number of more than 4,300 digits, and hexadecimal digits in any number.
    return str(number) if number.bit_length() < 4096 else f"{hex(number)[:100]}… ({number.bit_length()} bits)"


def _clean_float(number: float) -> float | int | str:
    if math.isnan(number):
        return "NaN"
    if math.isinf(number):
        return "Infinity" if number > 0 else "-Infinity"
    if abs(number) < _EXACT:
        return number or 0.0  # PostgreSQL forgets the sign of -0.0
    return int(number) if abs(number) < LARGEST else repr(number)
