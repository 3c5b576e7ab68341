"""Writes ``models.py``, ``operations.py`` and ``async_operations.py`` from the service's OpenAPI document.

python client/generate.py, after a change of the API: a test compares what is written with what would be.
"""

import json
import keyword
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

Json = dict[str, Any]

PACKAGE = Path(__file__).parent / "mlrelease_client"

# Those of streams are written by hand, in client.py: what they give has no end that can be waited for.
BY_HAND = {"export_events": "export_events"}
# Headers that the client sends by itself, or that only the development login takes.
HEADERS_LEFT_OUT = frozenset({"mlrelease-actor", "mlrelease-groups", "if-none-match", "accept", "last-event-id"})

_HEAD = '"""Generated from the OpenAPI document by client/generate.py: change it there."""\n\n'


def files_of(document: Json) -> dict[str, str]:
    """The text of each generated file, by its name, as the formatter writes it."""
    texts = {
        "models.py": _models(document),
        "operations.py": _operations(document, is_async=False),
        "async_operations.py": _operations(document, is_async=True),
    }
    return {name: _formatted(text, name) for name, text in texts.items()}


def operations_of(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Method, path and operation of each."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


# Types


def _models(document: Json) -> str:
    schemas = document["components"]["schemas"]
    parts = [
        _HEAD,
        "# What the service adds later is kept out of the way: unknown fields are ignored, and unknown words stay text.\n\n",
        "from __future__ import annotations\n\n",
        "from datetime import datetime\nfrom enum import StrEnum\nfrom typing import Annotated, Any, Literal\n\n",
        "from pydantic import BaseModel, ConfigDict, Field\n\n",
        "class Model(BaseModel):\n",
        '    """What all have in common."""\n\n',
        "    model_config = ConfigDict(\n",
        '        extra="ignore", frozen=True, defer_build=True, protected_namespaces=(), validate_by_name=True\n',
        "    )\n\n",
    ]
    sent = _only_sent(document)
    for name, schema in sorted(schemas.items(), key=lambda named: "enum" not in named[1]):
        if "enum" in schema:
            parts.append(_enum(name, schema))
        elif name not in _bodies(document):
            parts.append(_model(name, schema, schemas, is_sent=name in sent))
    return "".join(parts)


def _enum(name: str, schema: Json) -> str:
    members = "".join(f"    {_constant(word)} = {word!r}\n" for word in schema["enum"])
    open_enum = f'{name}Word = Annotated[{name} | str, Field(union_mode="left_to_right")]\n\n'
    return f"class {name}(StrEnum):\n{_docstring(schema, 4)}{members}\n\n{open_enum}"


def _model(name: str, schema: Json, schemas: Json, *, is_sent: bool) -> str:
    lines = [f"class {name}(Model):\n", _docstring(schema, 4)]
    required = schema.get("required", ())
    for field_name, shape in schema.get("properties", {}).items():
        python, default = _python(field_name), ""
        kind = _type(shape, schemas, is_sent=is_sent)
        if field_name not in required:
            default = repr(shape.get("default"))
            kind = kind if default != "None" or kind.endswith("None") or kind == "Any" else f"{kind} | None"
        if python != field_name:
            default = f'Field({default + ", " if default else ""}alias="{field_name}")'
        elif default in {"[]", "{}"}:
            default = f"Field(default_factory={'list' if default == '[]' else 'dict'})"
        lines.append(f"    {python}: {kind}{' = ' + default if default else ''}\n")
        if "description" in shape:
            lines.append(f"    {_quoted(shape['description'])}\n")
    if len(lines) == 2 and not lines[1]:
        lines.append("    pass\n")
    return "".join(lines) + "\n\n"


def _type(shape: Json, schemas: Json, *, is_sent: bool = False) -> str:
    """The annotation of a value. ``is_sent``: to the service, which knows every word that it lists."""
    if "$ref" in shape:
        name = shape["$ref"].rpartition("/")[2]
        return f"{name}Word" if "enum" in schemas[name] else name
    if "anyOf" in shape or "oneOf" in shape:
        found = list(
            dict.fromkeys(_type(each, schemas, is_sent=is_sent) for each in shape.get("anyOf") or shape["oneOf"])
        )
        if "discriminator" in shape:
            known = " | ".join([*found, "dict[str, Any]"])
            return f'Annotated[{known}, Field(union_mode="left_to_right")]'
        return " | ".join(sorted(found, key="None".__eq__))
    if "const" in shape:
        return f"Literal[{shape['const']!r}]"
    if "enum" in shape:
        return f"Literal[{', '.join(map(repr, shape['enum']))}]" if is_sent else "str"
    match shape.get("type"), shape.get("format"):
        case "string", "date-time":
            return "datetime"
        case "array", _:
            return f"list[{_type(shape.get('items', {}), schemas, is_sent=is_sent)}]"
        case "object", _:
            values = shape.get("additionalProperties")
            return f"dict[str, {_type(values, schemas) if isinstance(values, dict) else 'Any'}]"
        case kind, _:
            return {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}.get(
                str(kind), "Any"
            )


# Operations


def _operations(document: Json, *, is_async: bool) -> str:
    schemas = document["components"]["schemas"]
    name = "AsyncOperations" if is_async else "Operations"
    awaited = "async " if is_async else ""
    methods = [
        _operation(*each, document, is_async=is_async)
        for each in operations_of(document)
        if each[2]["operationId"] not in BY_HAND
    ]
    body = "".join(methods)
    used = [each for each in (*schemas, *(f"{each}Word" for each in schemas)) if re.search(rf"\b{each}\b", body)]
    return "".join(
        [
            _HEAD,
            "from abc import abstractmethod\nfrom datetime import datetime\nfrom typing import Any, Literal, TypeVar\n\n",
            "from mlrelease_client.calls import Call, keyed, path_of\n",
            f"from mlrelease_client.models import {', '.join(sorted(used))}\n\n",
            'T = TypeVar("T")\n\n',
            f"class {name}:\n",
            '    """Every operation of the API, under its operation id."""\n\n',
            f"    @abstractmethod\n    {awaited}def send(self, call: Call[T]) -> T:\n",
            '        """Send a request and read its answer. Raises ClientError."""\n\n',
            body,
        ]
    )


def _operation(method: str, path: str, operation: Json, document: Json, *, is_async: bool) -> str:
    schemas = document["components"]["schemas"]
    parameters = operation.get("parameters", [])
    in_path = [each["name"] for each in parameters if each["in"] == "path"]
    query = [each for each in parameters if each["in"] == "query"]
    needed = [f"{_python(name)}: {_type(_named(parameters, name)['schema'], schemas)}" for name in in_path]
    by_name: list[str] = []
    call = [
        repr(method),
        f"path_of({path!r}, {', '.join(f'{each}={_python(each)}' for each in in_path)})" if in_path else repr(path),
    ]
    answer = _answer(operation, schemas)
    call.append(answer)
    if query:
        by_name += [_argument(each["name"], each["schema"], each.get("required", False), schemas) for each in query]
        call.append(f"query={_written(each['name'] for each in query)}")
        if any(each["name"] == "wait" for each in query):
            call.append("seconds=wait or 0")
    headers = "keyed(idempotency_key)" if any(each["name"] == "Idempotency-Key" for each in parameters) else ""
    content = operation.get("requestBody", {}).get("content", {})
    if "application/json" in content:
        schema = schemas[content["application/json"]["schema"]["$ref"].rpartition("/")[2]]
        fields = schema.get("properties", {})
        required = schema.get("required", ())
        ordered = sorted(fields, key=lambda name: name not in required)
        by_name = [_argument(name, fields[name], name in required, schemas) for name in ordered] + by_name
        call.append(f"body={_written(fields)}")
    elif content:
        (media,) = content
        needed.append("content: bytes")
        call.append("content=content")
        headers = f"{{**{headers}, 'Content-Type': {media!r}}}"
    if headers:
        by_name.append("idempotency_key: str | None = None")
        call.append(f"headers={headers}")
    signature = ", ".join(["self", *needed, *(["*", *by_name] if by_name else [])])
    awaited = ("async ", "await ") if is_async else ("", "")
    text = "\n\n".join(filter(None, (f"{operation['summary']}.", operation.get("description"))))
    return (
        f"    {awaited[0]}def {operation['operationId']}({signature}) -> {answer}:\n"
        f"        {_quoted(text)}\n"
        f"        {'' if answer == 'None' else 'return '}{awaited[1]}self.send(Call({', '.join(call)}))\n\n"
    )


def _answer(operation: Json, schemas: Json) -> str:
    """The type of a good answer; the first of its media types."""
    for status, answer in sorted(operation["responses"].items()):
        if status.startswith("2"):
            for media in answer.get("content", {}).values():
                return _type(media["schema"], schemas) if media["schema"] else "dict[str, Any]"
            return "None"
    raise AssertionError(f"{operation['operationId']} has no good answer")


def _argument(name: str, shape: Json, required: bool, schemas: Json) -> str:
    kind = _type(shape, schemas, is_sent=True)
    if required:
        return f"{_python(name)}: {kind}"
    return f"{_python(name)}: {kind if kind.endswith('None') else f'{kind} | None'} = None"


def _written(names: Iterable[str]) -> str:
    """The expression of a dictionary of these arguments."""
    return "{" + ", ".join(f"{name!r}: {_python(name)}" for name in names) + "}"


def _named(parameters: list[Json], name: str) -> Json:
    return next(each for each in parameters if each["name"] == name)


def _bodies(document: Json) -> frozenset[str]:
    """What is written out as arguments of its operation, and needs no class."""
    contents = (each.get("requestBody", {}).get("content", {}) for _, _, each in operations_of(document))
    return frozenset(
        content["application/json"]["schema"]["$ref"].rpartition("/")[2]
        for content in contents
        if "application/json" in content
    )


def _only_sent(document: Json) -> frozenset[str]:
    """The schemas inside of bodies."""
    schemas = document["components"]["schemas"]
    found: set[str] = set()
    waiting = [schemas[name] for name in _bodies(document)]
    while waiting:
        for name in re.findall(r"#/components/schemas/(\w+)", json.dumps(waiting.pop())):
            if name not in found:
                found.add(name)
                waiting.append(schemas[name])
    return frozenset(found)


# Words


def _python(name: str) -> str:
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower().replace("-", "_")
    return f"{snake}_" if keyword.iskeyword(snake) else snake


def _constant(word: str) -> str:
    return re.sub(r"\W", "_", word).upper()


def _docstring(schema: Mapping[str, Any], indent: int) -> str:
    return f"{' ' * indent}{_quoted(schema['description'])}\n\n" if "description" in schema else ""


def _quoted(text: str) -> str:
    safe = text.replace("\\", "\\\\").replace('"""', "'''").strip()
    return f'"""{safe}"""' if not safe.endswith('"') else f'"""{safe} """'


def _formatted(text: str, name: str) -> str:
    """By the same ruff, with the same settings, as all other files."""
    ruff = [sys.executable, "-m", "ruff"]
    place = ["--stdin-filename", str(PACKAGE / name), "-"]
    for action in (["check", "--quiet", "--fix-only", "--select", "F401,I,UP"], ["format", "--quiet"]):
        made = subprocess.run([*ruff, *action, *place], input=text, capture_output=True, text=True, check=False)  # noqa: S603 # our own
        if made.returncode:
            raise RuntimeError(made.stderr)
        text = made.stdout
    return text


def _document() -> Json:
    """Of the service as it is in this folder."""
    sys.path.insert(0, str(Path(__file__).parent.parent))
    from app.database.connection import Database
    from app.database.migrate import migrate
    from app.main import create_app
    from app.settings import Settings

    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        migrate(database)
        database.dispose()
        document: Json = create_app(Settings(data=Path(folder), database_url=database.url)).openapi()
    return document


if __name__ == "__main__":
    for name, text in files_of(_document()).items():
        (PACKAGE / name).write_text(text, encoding="utf-8")
