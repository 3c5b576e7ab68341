"""Bicep evaluated: what a template would deploy with given parameters.

The compiler is on none of the package indexes that this project takes its tools from, so templates are parsed by a grammar that is, and
evaluated here: parameters, variables, loops, conditions, modules and the functions that ours use. What only Azure knows, such as the
id of a principal, is a text that says whose it is: ``…/userAssignedIdentities/id-endpoint-dev.properties.principalId``.
"""

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

TENANT = "00000000-0000-0000-0000-00000000000a"
_TYPES = {"string": str, "int": int, "bool": bool, "array": list, "object": dict}


@dataclass(frozen=True)
class Place:
    """What a template is deployed into. ``group`` is None for a subscription."""

    subscription: str
    group: str | None
    location: str = "eastus"

    @property
    def id(self) -> str:
        return f"/subscriptions/{self.subscription}" + (f"/resourceGroups/{self.group}" if self.group else "")


@dataclass(frozen=True)
class Resource:
    """One that would be deployed, or that a template expects to be there (``existing``)."""

    id: str
    type: str
    version: str
    name: str
    body: Mapping[str, Any]  # without name, parent, scope and dependsOn, as it is sent
    existing: bool
    scope: str  # id of what it extends or is in

    def member(self, name: str) -> Any:
        return getattr(self, name) if name in ("id", "name") else Later(f"{self.id}.{name}")


class Later(str):
    """Known when it was deployed only."""

    __slots__ = ()

    def member(self, name: str) -> "Later":
        return Later(f"{self}.{name}")


@dataclass
class Template:
    """A file with its parameters. Raises AssertionError for what the compiler or Azure would refuse."""

    path: Path
    parameters: Mapping[str, Any]
    place: Place
    resources: list[Resource] = field(default_factory=list)  # those of modules too
    outputs: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        root = parsed(self.path)
        self._declared = dict(_declarations(root))
        self._found: dict[str, Any] = {}
        target = next((_text(each.named_children[0]) for each in root.children if each.type == "target_scope_assignment"), "'resourceGroup'")  # fmt: skip
        assert (target == "'subscription'") == (self.place.group is None), (
            f"{self.path.name} is deployed into another scope"
        )
        unknown = set(self.parameters) - {
            name for name, node in self._declared.items() if node.type == "parameter_declaration"
        }
        assert not unknown, f"{self.path.name} has no parameters {unknown}"
        for name in self._declared:
            self._look_up(name)
        for node in root.children:
            if node.type == "output_declaration":
                self.outputs[_text(node.named_children[0])] = self._value(node.named_children[-1], {})
        values = {
            name
            for name, node in self._declared.items()
            if node.type in ("parameter_declaration", "variable_declaration")
        }
        unused = values - set(_names_used(root))
        assert not unused, f"{self.path.name} declares {unused} and does not use it"

    def _look_up(self, name: str) -> Any:
        assert name in self._declared, f"{self.path.name} uses {name}, which it does not declare"
        if name not in self._found:
            node = self._declared[name]
            match node.type:
                case "parameter_declaration":
                    self._found[name] = self._parameter(name, node)
                case "variable_declaration":
                    self._found[name] = self._value(node.named_children[-1], {})
                case "resource_declaration":
                    self._found[name] = self._each(node.named_children[-1], {}, lambda body, known: self._resource(node, body, known))  # fmt: skip
                case "module_declaration":
                    self._found[name] = self._each(node.named_children[-1], {}, lambda body, known: self._module(node, body, known))  # fmt: skip
        return self._found[name]

    def _parameter(self, name: str, node: Node) -> Any:
        kind = _text(node.named_children[1])
        default = node.named_children[2] if len(node.named_children) > 2 else None
        assert name in self.parameters or default is not None, f"{self.path.name} needs {name}"
        value: Any = self.parameters[name] if name in self.parameters else self._value(default, {})
        assert type(value) is _TYPES[kind] or isinstance(value, Later), (
            f"{self.path.name}: {name} is {kind}, not {value!r}"
        )
        for rule, limit in self._decorators(node):
            assert _keeps(value, rule, limit), f"{self.path.name}: {name} breaks {rule} {limit}"
        return value

    def _decorators(self, node: Node) -> Iterator[tuple[str, Any]]:
        before = node.prev_named_sibling
        for each in before.named_children if before is not None and before.type == "decorators" else ():
            called = each.named_children[0]
            yield _text(called.named_children[0]), self._value(called.named_children[1].named_children[0], {})

    def _each(self, node: Node, known: dict[str, Any], make: Callable[[Node, dict[str, Any]], Any]) -> Any:
        """One, one for each turn of a loop, or none by its condition."""
        if node.type == "for_statement":
            return [self._each(body, {**known, **names}, make) for body, names in self._turns(node, known)]
        if node.type == "if_statement":
            condition, body = node.named_children
            return make(body, known) if self._value(condition, known) else None
        return make(node, known)

    def _resource(self, node: Node, body: Node, known: dict[str, Any]) -> Resource:
        kind, _, version = str(self._value(node.named_children[1], {})).partition("@")
        sent: dict[str, Any] = self._value(body, known)
        _require_known(body, at=self.path.name)
        name, parent, scope = sent.pop("name"), sent.pop("parent", None), sent.pop("scope", None)
        sent.pop("dependsOn", None)
        assert isinstance(name, str), name
        if parent is not None:
            resource = f"{parent.id}/{kind.rpartition('/')[2]}/{name}"
        else:
            above = self.place.id if scope is None else scope.id
            provider, *kinds = kind.split("/")
            assert len(kinds) == len(name.split("/")), f"{name} is no name of a {kind}"
            resource = f"{above}/providers/{provider}/" + "/".join(f"{k}/{n}" for k, n in zip(kinds, name.split("/"), strict=True))  # fmt: skip
        existing = any(_text(each) == "existing" for each in node.children)
        made = Resource(resource, kind, version, name, sent, existing, (parent or scope or self.place).id)
        self.resources.append(made)
        return made

    def _module(self, node: Node, body: Node, known: dict[str, Any]) -> "Template":
        sent = self._value(body, known)
        _require_known(body, at=self.path.name)
        made = Template(
            self.path.parent / self._value(node.named_children[1], {}),
            sent.get("params", {}),
            sent.get("scope", self.place),
        )
        self.resources += made.resources
        return made

    def member(self, name: str) -> Any:
        """A module, as its caller sees it."""
        assert name == "outputs", name
        return self.outputs

    def _turns(self, node: Node, known: dict[str, Any]) -> Iterator[tuple[Node, dict[str, Any]]]:
        variables, over, body = node.named_children
        names = [_text(each) for each in variables.named_children] or [_text(variables)]
        for position, item in enumerate(self._value(over, known)):
            yield body, dict(zip(names, (item, position), strict=False))

    def _value(self, node: Node | None, known: dict[str, Any]) -> Any:
        assert node is not None
        inside = node.named_children
        match node.type:
            case "string":
                return "".join(self._part(each, known) for each in inside)
            case "number":
                return int(_text(node))
            case "boolean":
                return _text(node) == "true"
            case "object":
                return {
                    _key(each, self, known): self._value(each.named_children[1], known)
                    for each in inside
                    if each.type == "object_property"
                }
            case "array":
                return [self._value(each, known) for each in inside if each.type != "comment"]
            case "for_statement":
                return [self._value(body, {**known, **names}) for body, names in self._turns(node, known)]
            case "identifier":
                if (name := _text(node)) in known:
                    return known[name]
                return self._look_up(name)
            case "member_expression":
                return _member(self._value(inside[0], known), _text(inside[1]))
            case "subscript_expression":
                return self._value(inside[0], known)[self._value(inside[1], known)]
            case "parenthesized_expression":
                return self._value(inside[0], known)
            case "call_expression":
                return self._called(_text(inside[0]), [self._value(each, known) for each in inside[1].named_children])
            case kind:
                raise AssertionError(f"{self.path.name}: {kind} is not evaluated here: {_text(node)}")

    def _part(self, node: Node, known: dict[str, Any]) -> str:
        match node.type:
            case "interpolation":
                return str(self._value(node.named_children[0], known))
            case "escape_sequence":
                return _text(node)[1:]
            case _:
                return _text(node)

    def _called(self, name: str, given: list[Any]) -> Any:
        match name, given:
            case "resourceGroup", []:
                return {"id": self.place.id, "name": self.place.group, "location": self.place.location}
            case "resourceGroup", [group]:
                return Place(self.place.subscription, group)
            case "resourceGroup", [subscription, group]:
                return Place(subscription, group)
            case "subscription", []:
                return _Subscription(self.place.subscription, None)
            case "tenant", []:
                return {"tenantId": TENANT}
            case "uniqueString", parts:
                return hashlib.sha256("|".join(parts).encode()).hexdigest()[:13]
            case "guid", parts:
                return str(uuid.uuid5(uuid.NAMESPACE_URL, "|".join(parts)))
            case "take", [text, most]:
                return text[:most]
            case "concat", lists:
                return [item for each in lists for item in each]
            case "string", [value]:
                return str(value)
            case "json", [text]:
                return json.loads(text)
            case "loadJsonContent", [file]:
                return json.loads((self.path.parent / file).read_text())
            case "loadTextContent", [file]:
                return (self.path.parent / file).read_text()
            case "subscriptionResourceId", [kind, item]:
                return f"/subscriptions/{self.place.subscription}/providers/{kind}/{item}"
            case _:
                raise AssertionError(f"{self.path.name}: {name} with {len(given)} arguments is not evaluated here")


class _Subscription(Place):
    def member(self, name: str) -> str:
        return {"id": self.id, "subscriptionId": self.subscription}[name]


@cache
def parsed(path: Path) -> Node:
    """The file's tree. Raises AssertionError for what is not Bicep."""
    root = Parser(Language(tree_sitter_bicep.language())).parse(path.read_bytes()).root_node
    assert not root.has_error, f"{path.name} is not Bicep"
    return root


def _declarations(root: Node) -> Iterator[tuple[str, Node]]:
    for node in root.children:
        if node.type in ("parameter_declaration", "variable_declaration", "resource_declaration", "module_declaration"):
            yield _text(node.named_children[0]), node


def _names_used(node: Node) -> Iterator[str]:
    """Of all that stands behind an equals sign, a colon or in a string."""
    for position, each in enumerate(node.named_children):
        is_key = position == 0 and (node.type == "object_property" or node.type.endswith("_declaration"))
        if each.type == "identifier" and not is_key:
            yield _text(each)
        yield from _names_used(each)


def _keeps(value: Any, rule: str, limit: Any) -> bool:
    """A parameter's decorator."""
    match rule:
        case "allowed":
            return value in limit
        case "minLength":
            return bool(len(value) >= limit)
        case "maxLength":
            return bool(len(value) <= limit)
        case "minValue":
            return bool(value >= limit)
        case _:
            return rule == "description"


def _require_known(body: Node, *, at: str) -> None:
    """The compiler's BCP120: a name has to be known before anything is deployed."""
    for each in body.named_children:
        if each.type == "object_property" and _text(each.named_children[0]) in ("name", "scope"):
            text = _text(each.named_children[1])
            assert not {".properties", ".outputs"} & set(re.findall(r"\.\w+", text)), (
                f"{at}: {text} is not known before the deployment"
            )


def _member(of: Any, name: str) -> Any:
    if isinstance(of, Mapping):
        assert name in of, f"there is no {name} in {sorted(of)}"
        return of[name]
    return of.member(name)


def _key(node: Node, template: Template, known: dict[str, Any]) -> str:
    key = node.named_children[0]
    return str(template._value(key, known)) if key.type == "string" else _text(key)


def _text(node: Node) -> str:
    assert node.text is not None
    return node.text.decode()
