"""Sections of which a stage writes what it sets otherwise: published for editors with every field optional, and null for none."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from app.documents.json_object import Json


@dataclass(frozen=True)
class PublishedAs:
    """In the JSON Schema, a mapping of any fields of ``section``. What it may hold is checked once it is laid over a file."""

    section: type[BaseModel]
    without: Collection[str]

    def __get_pydantic_json_schema__(self, _core: CoreSchema, _handler: GetJsonSchemaHandler) -> Json:
        schema = self.section.model_json_schema()
        partial = _partial(schema, schema.get("$defs", {}))
        kept = {name: each for name, each in partial["properties"].items() if name not in self.without}
        return {"type": "object", "properties": kept, "additionalProperties": False}


def _partial(schema: Any, defined: Json) -> Any:
    """With what it refers to in its place, nothing required, and null for every field."""
    if isinstance(schema, list):
        return [_partial(each, defined) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _partial({**defined[schema["$ref"].rpartition("/")[2]], **_without(schema, "$ref")}, defined)
    around = _without(schema, "$defs", "default", "required", "properties")
    if "(?i" in around.get("pattern", ""):
        del around["pattern"]  # JSON Schema's regular expressions, which are ECMA-262's, know no such group
    found = {key: _partial(each, defined) for key, each in around.items()}
    if isinstance(found.get("additionalProperties"), dict):
        found["additionalProperties"] = _or_null(found["additionalProperties"])
    if "properties" in schema:
        found["properties"] = {name: _or_null(_partial(each, defined)) for name, each in schema["properties"].items()}
    return found


def _or_null(schema: Json) -> Json:
    null = {"type": "null"}
    forms = schema.get("anyOf")
    if forms is None:
        return {"anyOf": [schema, null]}
    return schema if null in forms else {**schema, "anyOf": [*forms, null]}


def _without(schema: Json, *keys: str) -> Json:
    return {key: each for key, each in schema.items() if key not in keys}
