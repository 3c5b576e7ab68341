"""From pydantic's errors to sentences for the person who wrote the file."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from app.documents.yaml_lines import Document, Place, dotted
from app.errors import Mistake


def check(document: Document, schema: type[BaseModel]) -> list[Mistake]:
    """Everything in the document that the schema does not allow."""
    try:
        schema.model_validate(document.data)
    except ValidationError as wrong:
        return list(_mistakes(wrong, document, schema))
    return []


def did_you_mean(word: str, known: list[str]) -> str:
    """`` (did you mean `x`?)``, or nothing when nothing is near."""
    near = get_close_matches(word, known, n=1, cutoff=0.6)
    return f"; did you mean `{near[0]}`?" if near else ""


def _mistakes(wrong: ValidationError, document: Document, schema: type[BaseModel]) -> Iterator[Mistake]:
    errors = wrong.errors(include_url=False)
    meant = {place for error in errors if (place := _meant(error, schema)) is not None}
    unreadable = {mistake.field for mistake in document.mistakes}
    for error in errors:
        place = _place(error)
        if place and dotted(place) in unreadable:
            continue  # what cannot be read is told of already
        if error["type"] == "missing" and place in meant:
            continue  # the misspelt key is told of already
        if error["type"] == "too_short" and len(error["input"]) >= error["ctx"]["min_length"]:
            continue  # pydantic counts the sound entries only, and the others are told of
        yield document.mistake(place, _sentence(error, schema))


def _sentence(error: ErrorDetails, schema: type[BaseModel]) -> str:
    value, limits = error["input"], error.get("ctx", {})
    match error["type"]:
        case "missing":
            return f"is missing{_description(schema, _place(error))}"
        case "extra_forbidden":
            known = _keys(_section(schema, _place(error)[:-1]))
            key = str(error["loc"][-1])
            return f"is an unknown key{did_you_mean(key, known) or f'; known keys: {_listed(known)}'}"
        case "string_type" if isinstance(value, int | float):
            return f"must be text, not {_shown(value)}: put it in quotes"
        case "string_type":
            return f"must be text, not {_shown(value)}"
        case "literal_error" if (
            isinstance(value, bool | int | float) and f"'{str(value).lower()}'" in limits["expected"]
        ):
            return f"must be {limits['expected']}, as text: put {_shown(value)} in quotes"
        case "literal_error":
            return f"must be {limits['expected']}, not {_shown(value)}"
        case "int_type":
            return f"must be a whole number, not {_shown(value)}"
        case "bool_type":
            return f"must be `true` or `false`, not {_shown(value)}"
        case "greater_than_equal":
            return f"must be at least {limits['ge']}, not {_shown(value)}"
        case "less_than_equal":
            return f"must be at most {limits['le']}, not {_shown(value)}"
        case "model_type" | "dict_type" | "model_attributes_type":
            return f"must be a mapping (`key: value`), not {_shown(value)}"
        case "list_type" | "tuple_type":
            return f"must be a list (`- …`), not {_shown(value)}"
        case "too_short":
            return f"needs at least {limits['min_length']} entry"
        case "value_error":
            return str(limits["error"])
    return error["msg"]


def _place(error: ErrorDetails) -> Place:
    """Where the writer sees it: without pydantic's own marks, of a mapping's key or of one form of several."""
    return tuple(part for part in error["loc"] if not (isinstance(part, str) and part.startswith("[")))


def _meant(error: ErrorDetails, schema: type[BaseModel]) -> Place | None:
    """The place of the key that an unknown key probably stands for."""
    if error["type"] != "extra_forbidden":
        return None
    *around, key = _place(error)
    near = get_close_matches(str(key), _keys(_section(schema, tuple(around))), n=1, cutoff=0.6)
    return (*around, near[0]) if near else None


def _section(schema: type[BaseModel], place: Place) -> type[BaseModel]:
    """The part of the schema that a place is read by."""
    for part in place:
        if isinstance(part, str):
            by_key = {field.alias or name: field.annotation for name, field in schema.model_fields.items()}
            schema = _model_in(by_key.get(part)) or schema
    return schema


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for each in get_args(annotation) if (found := _model_in(each)) is not None), None)


def _keys(schema: type[BaseModel]) -> list[str]:
    return sorted(field.alias or name for name, field in schema.model_fields.items())


def _description(schema: type[BaseModel], place: Place) -> str:
    fields = {field.alias or name: field for name, field in _section(schema, place[:-1]).model_fields.items()}
    described = fields[str(place[-1])].description if str(place[-1]) in fields else None
    return f": {described[0].lower()}{described[1:].rstrip('.')}" if described else ""


def _listed(words: list[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


def _shown(value: Any) -> str:
    match value:
        case None:
            return "nothing"
        case dict():
            return "a mapping"
        case list() | tuple():
            return "a list"
        case bool():
            return "`true`" if value else "`false`"
        case str() if len(value) > 60:
            return repr(f"{value[:60]}…")
    return repr(value)
