"""``$filter`` of a metrics query: ``deployment eq 'blue' and (statusCodeClass eq '4xx' or statusCodeClass eq '5xx')``.

``and`` joins conditions on different dimensions, ``or`` those on one and the same. A query is split into one series for each combination of
values of the dimensions that it names; ``'*'`` takes every value.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from emulator.errors import BadRequest

EVERY = "*"
_TOKEN = re.compile(r"\s*(?:(\()|(\))|'((?:[^']|'')*)'|([A-Za-z][A-Za-z0-9_]*))")
_LONGEST, _DEEPEST = 2000, 20  # characters, parentheses

Filter = dict[str, set[str]]  # by dimension, as the metric spells it: values in lower case, or EVERY


def parse_filter(written: str | None, *, dimensions: Sequence[str]) -> Filter:
    """Empty without a filter. Raises BadRequest."""
    if written is None or not written.strip():
        return {}
    if len(written) > _LONGEST:
        raise BadRequest(f"The filter has more than {_LONGEST} characters.")
    return _Parser(_tokens(written), {each.lower(): each for each in dimensions}).whole()


@dataclass(frozen=True)
class _Token:
    text: str
    is_value: bool = False


def _tokens(written: str) -> list[_Token]:
    found, at = [], 0
    while written[at:].strip():
        match = _TOKEN.match(written, at)
        if match is None:
            raise _broken(f"at '{written[at:].strip()[:20]}'")
        opened, closed, value, word = match.groups()
        found.append(
            _Token(value.replace("''", "'"), is_value=True) if value is not None else _Token(opened or closed or word)
        )
        at = match.end()
    return found


class _Parser:
    """``and`` binds more tightly than ``or``, as in OData."""

    def __init__(self, tokens: list[_Token], dimensions: dict[str, str]) -> None:
        self._tokens = tokens
        self._dimensions = dimensions
        self._depth = 0

    def whole(self) -> Filter:
        found = self._either()
        if self._tokens:
            raise _broken(f"at '{self._tokens[0].text}'")
        return found

    def _either(self) -> Filter:
        found = self._both()
        while self._take("or"):
            other = self._both()
            if len(found) != 1 or found.keys() != other.keys():
                raise _broken("'or' joins conditions on one and the same dimension only")
            for name, values in other.items():
                found[name] |= values
        return found

    def _both(self) -> Filter:
        found = self._one()
        while self._take("and"):
            other = self._one()
            twice = found.keys() & other.keys()
            if twice:
                raise _broken(
                    f"'and' joins conditions on different dimensions, and {', '.join(sorted(twice))} is there twice"
                )
            found |= other
        return found

    def _one(self) -> Filter:
        if self._take("("):
            self._depth += 1
            if self._depth > _DEEPEST:
                raise _broken(f"it has more than {_DEEPEST} parentheses")
            found = self._either()
            if not self._take(")"):
                raise _broken("a parenthesis is not closed")
            return found
        name, operator, value = self._next(), self._next(), self._next()
        if operator.text.lower() != "eq" or operator.is_value or name.is_value or not value.is_value:
            raise _broken(f"at '{name.text} {operator.text} {value.text}': a condition is DIMENSION eq 'VALUE'")
        dimension = self._dimensions.get(name.text.lower())
        if dimension is None:
            raise BadRequest(
                f"Metric does not support requested dimension combination: {name.text}, supported ones are: "
                f"{','.join(self._dimensions.values())}"
            )
        return {dimension: {value.text.lower()}}

    def _take(self, word: str) -> bool:
        if self._tokens and not self._tokens[0].is_value and self._tokens[0].text.lower() == word:
            self._tokens.pop(0)
            return True
        return False

    def _next(self) -> _Token:
        if not self._tokens:
            raise _broken("it ends too early")
        return self._tokens.pop(0)


def _broken(where: str) -> BadRequest:
    return BadRequest(f"The filter is invalid: {where}.")
