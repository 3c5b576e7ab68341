"""YAML as plain data with line numbers.

Mistakes in the YAML itself are collected, not raised one by one: broken syntax ends the reading, but double keys and the like
are noted and reading goes on.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from app.errors import Mistake

LARGEST_FILE = 256 * 1024  # bytes
MOST_NODES = 10_000  # aliases make little text into much data
DEEPEST = 40

Place = tuple[str | int, ...]

_TAG = "tag:yaml.org,2002:"
_CONVERTED = frozenset(f"{_TAG}{kind}" for kind in ("bool", "int", "float", "null"))
_NUMBERS = frozenset({f"{_TAG}int", f"{_TAG}float"})
# As JSON has them, of a sane length. Octal, hexadecimal, sexagesimal, `1_000`, `1e3`, `.nan`: each is another value, or none, in
# YAML 1.1 and 1.2, which the tools of this field both read.
_ORDINARY_NUMBER = re.compile(r"-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,20}([eE][-+][0-9]{1,2})?)?")
_TEXT = frozenset(f"{_TAG}{kind}" for kind in ("str", "timestamp", "value"))
_COLLECTIONS = frozenset({f"{_TAG}map", f"{_TAG}seq"})  # others (`!!set`, `!!omap`) are lists of their keys to some
# They end a line to some readers, or end it without beginning a new one: a comment could hide keys from one of the two.
_UNUSUAL_BREAK = re.compile("[\x85\u2028\u2029\ufeff]")


@dataclass
class Document:
    """One YAML file. ``data`` is None where it could not be read at all; ``mistakes`` says why."""

    file: str
    data: Any = None
    mistakes: list[Mistake] = field(default_factory=list)
    _lines: dict[Place, int] = field(default_factory=dict)

    def line(self, place: Place) -> int | None:
        """The line (from 1) of what is there, or of the nearest thing around it that is."""
        while place and place not in self._lines:
            place = place[:-1]
        return self._lines.get(place)

    def mistake(self, place: Place, message: str) -> Mistake:
        return Mistake(message, file=self.file, line=self.line(place), field=dotted(place) or None)

    def section(self, *place: str | int) -> Any:
        """The data at a place, or None."""
        found: Any = self.data
        for part in place:
            match found, part:
                case dict(), str() if part in found:
                    found = found[part]
                case list(), int() if part < len(found):
                    found = found[part]
                case _:
                    return None
        return found


def dotted(place: Place) -> str:
    """``("stages", 1, "name")`` → ``stages[1].name``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in place).removeprefix(".")


def read_yaml(path: Path, *, name: str, numbers: bool = True) -> Document:
    """Read a file as far as it can be read; ``name`` is what mistakes call it.

    Without ``numbers`` each is the text that it is written as: for files that somebody else reads too, and by other rules.
    """
    document = Document(file=name)
    try:
        if path.stat().st_size > LARGEST_FILE:
            document.mistakes.append(Mistake(f"is larger than {LARGEST_FILE:,} bytes", file=name))
            return document
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        document.mistakes.append(Mistake("is not text in UTF-8", file=name))
        return document
    except OSError as broken:
        document.mistakes.append(Mistake(f"cannot be read: {broken.strerror}", file=name))
        return document
    _Reader(document, numbers=numbers).read(text)
    return document


class _Reader:
    """Walks the nodes of one document."""

    def __init__(self, document: Document, *, numbers: bool) -> None:
        self._document = document
        self._numbers = numbers
        self._yaml = YAML(typ="safe", pure=True)
        self._nodes = 0
        self._told: set[int] = set()  # nodes whose mistake is noted: an alias shows them again

    def read(self, text: str) -> None:
        document = self._document
        if found := _UNUSUAL_BREAK.search(text):
            what = f"has a character that only some YAML readers treat as a line end: U+{ord(found[0]):04X}; remove it"
            lines_before = text.count("\n", 0, found.start())
            document.mistakes.append(Mistake(what, file=document.file, line=lines_before + 1))
        try:
            root: Node | None = self._yaml.compose(text)
            if root is None:
                document.mistakes.append(Mistake("is empty", file=document.file, line=1))
                return
            document.data = self._plain(root, ())
        except _TooMuch as much:
            document.mistakes.append(Mistake(str(much), file=document.file))
        except RecursionError:
            document.mistakes.append(Mistake("is nested too deeply", file=document.file))
        except MarkedYAMLError as broken:
            mark = broken.problem_mark or broken.context_mark
            line = mark.line + 1 if mark is not None else None
            what = " ".join(part for part in (broken.context, broken.problem) if part)
            document.mistakes.append(Mistake(f"is not YAML: {what}", file=document.file, line=line))
        except YAMLError as broken:
            document.mistakes.append(Mistake(f"is not YAML: {_first_line(broken)}", file=document.file))

    def _plain(self, node: Node, place: Place) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise _TooMuch("is too large: aliases expand to more than 10,000 values")
        if len(place) > DEEPEST:
            raise _TooMuch(f"is nested more than {DEEPEST} deep")
        self._document._lines.setdefault(place, node.start_mark.line + 1)
        if not isinstance(node, ScalarNode) and str(node.tag) not in _COLLECTIONS:
            self._note(node, place, node.start_mark.line + 1, f"has an unknown tag: {node.tag}")
        match node:
            case MappingNode():
                return self._mapping(node, place)
            case SequenceNode():
                return [self._plain(item, (*place, index)) for index, item in enumerate(node.value)]
            case ScalarNode():
                return self._scalar(node, place)
        raise TypeError(f"a YAML node of an unknown kind: {node!r}")

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        data: dict[str, Any] = {}
        merged: list[Node] | None = None
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._note(key_node, place, line, "has a key that is not text")
                continue
            key = self._text(key_node, place)
            if str(key_node.tag) == f"{_TAG}merge":
                if merged is not None:
                    self._note(key_node, (*place, key), line, "occurs twice")
                    continue
                merged = value_node.value if isinstance(value_node, SequenceNode) else [value_node]
                if not all(isinstance(each, MappingNode) for each in merged):
                    self._note(key_node, (*place, key), line, "must name a mapping, or a list of mappings")
                    merged = []
                continue
            if key in data:
                first = self._document.line((*place, key))
                self._note(key_node, (*place, key), line, f"occurs twice, first in line {first}")
                continue
            self._document._lines.setdefault((*place, key), line)
            data[key] = self._plain(value_node, (*place, key))
        # What is written here comes before what is merged, and earlier mappings before later ones.
        for each in merged or ():
            data = {**self._plain(each, place), **data}
        return data

    def _scalar(self, node: ScalarNode, place: Place) -> Any:
        tag = str(node.tag)
        if tag in _TEXT:
            return self._text(node, place)
        if tag not in _CONVERTED:
            self._note(node, place, node.start_mark.line + 1, f"has an unknown tag: {tag}")
            return str(node.value)
        if tag in _NUMBERS and not self._numbers:
            return str(node.value)
        if tag in _NUMBERS and not _ORDINARY_NUMBER.fullmatch(str(node.value)):
            self._note(
                node,
                place,
                node.start_mark.line + 1,
                f"is a number for some YAML readers and text for others: {_start(str(node.value))}; put it in quotes if it is "
                "text, else write a plain number",
            )
            return str(node.value)
        try:
            return self._yaml.constructor.construct_object(node)
        except (ValueError, YAMLError):
            self._note(node, place, node.start_mark.line + 1, f"does not match its tag: {_start(str(node.value))}")
            return str(node.value)

    def _text(self, node: ScalarNode, place: Place) -> str:
        text = str(node.value)
        if "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
            self._note(
                node, place, node.start_mark.line + 1, "has an invalid character: NUL, or half of a surrogate pair"
            )
        return text

    def _note(self, node: Node, place: Place, line: int, message: str) -> None:
        if id(node) in self._told:
            return
        self._told.add(id(node))
        self._document.mistakes.append(
            Mistake(message, file=self._document.file, line=line, field=dotted(place) or None)
        )


class _TooMuch(Exception):
    """More data than a definition can need."""


def _start(text: str) -> str:
    return repr(text if len(text) <= 40 else f"{text[:40]}…")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
