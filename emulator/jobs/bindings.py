"""Azure ML's expressions: what a command line and a pipeline's nodes mean once their inputs and outputs are known.

``${{inputs.x}}`` and ``${{outputs.y}}`` stand in commands; ``${{parent.inputs.x}}``, ``${{parent.outputs.y}}`` and
``${{parent.jobs.a.outputs.b}}`` bind a pipeline's nodes. ``$[[…]]`` is left out unless every input in it has a value.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from emulator.errors import BadRequest

_EXPRESSION = re.compile(r"\$\{\{\s*([\w.\-]+)\s*\}\}")
_OPTIONAL = re.compile(r"\$\[\[(.*?)\]\]", re.DOTALL)


@dataclass(frozen=True)
class FromParent:
    """The value of one of the parent pipeline's own inputs or outputs."""

    direction: Literal["inputs", "outputs"]
    name: str


@dataclass(frozen=True)
class FromNode:
    """What another node of the same pipeline writes, or was given."""

    node: str
    direction: Literal["inputs", "outputs"]
    name: str


Binding = FromParent | FromNode


def parse_binding(text: object) -> Binding | None:
    """The binding that the whole text is, or None for a plain value."""
    match = _EXPRESSION.fullmatch(text.strip()) if isinstance(text, str) else None
    if match is None:
        return None
    words = match.group(1).split(".")
    match words:
        case ["parent", ("inputs" | "outputs") as direction, *name] if name:
            return FromParent(direction, ".".join(name))
        case ["parent", "jobs", node, ("inputs" | "outputs") as direction, *name] if name:
            return FromNode(node, direction, ".".join(name))
    raise BadRequest(f"The data binding expression '{text}' is not valid.", code="UserError")


def fill_in(text: str, *, parent_inputs: Mapping[str, str]) -> str:
    """Text with the pipeline's literal inputs in the places of ``${{parent.inputs.x}}``, e.g. in ``run-${{…}}``."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1).removeprefix("parent.inputs.")
        if name == match.group(1) or name not in parent_inputs:
            raise BadRequest(f"The data binding expression '{match.group(0)}' is not valid.", code="UserError")
        return parent_inputs[name]

    return _EXPRESSION.sub(value, text)


def referenced(command: str) -> tuple[set[str], set[str], set[str]]:
    """The names of (required inputs, optional inputs, outputs) that a command speaks of."""
    optional = {name for part in _OPTIONAL.findall(command) for kind, name in _names(part) if kind == "inputs"}
    required = _names(_OPTIONAL.sub(" ", command))
    outputs = {name for kind, name in _names(command) if kind == "outputs"}
    return {name for kind, name in required if kind == "inputs"}, optional, outputs


def _names(text: str) -> list[tuple[str, str]]:
    found = []
    for expression in _EXPRESSION.findall(text):
        kind, _, name = expression.partition(".")
        found.append((kind, name))
    return found


def render(command: str, *, inputs: Mapping[str, str], outputs: Mapping[str, str]) -> str:
    """The command line with values in place of expressions; BadRequest for an expression without a value."""

    def value(match: re.Match[str]) -> str:
        kind, _, name = match.group(1).partition(".")
        values = {"inputs": inputs, "outputs": outputs}.get(kind)
        if values is None or name not in values:
            raise BadRequest(
                f"The command refers to '{match.group(0)}', which has no value.",
                code="UserError",
            )
        return values[name]

    def part(match: re.Match[str]) -> str:
        given = all(name in inputs for kind, name in _names(match.group(1)) if kind == "inputs")
        return match.group(1) if given else ""

    return _EXPRESSION.sub(value, _OPTIONAL.sub(part, command))
