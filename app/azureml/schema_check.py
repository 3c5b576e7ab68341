"""What the SDK has against the files of a definition, found by what it does before it sends anything to Azure.

Plain data in and out, so that it can run in a child process of a program that does not import the SDK.
"""

import ast
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from azure.ai.ml import load_online_deployment, load_online_endpoint
from marshmallow import ValidationError

from app.azureml.yaml_files import as_source
from app.documents.json_object import Json

_NOT_IN_SET = re.compile(r"^Value (?P<value>.*) passed is not in set \[(?P<known>.*)\]$", re.S)
# Not a field: of a mapping's entry, whether its key or its value is wrong; of a section, that it is wrong as a whole.
_SAID_BY_MARSHMALLOW = frozenset({"key", "value", "_schema"})
TEXT = "must be text"
_SENTENCES = {
    "Unknown field.": "is a key that Azure ML does not know",
    "Missing data for required field.": "is missing",
    "Field may not be null.": "must not be empty",
    "Not a valid string.": TEXT,
    "Not a valid integer.": "must be a whole number",
    "Not a valid number.": "must be a number",
    "Not a valid boolean.": "must be `true` or `false`",
    "Not a valid list.": "must be a list (`- …`)",
    "Not a valid mapping type.": "must be a mapping (`key: value`)",
    "Invalid input type.": "must be a mapping (`key: value`)",
}
_FILLED_IN = {"name": "checked", "endpoint_name": "checked"}  # by the release; any sound name does here


def check_endpoint(written: Mapping[str, Any]) -> list[Json]:
    """Each mistake as ``{"place": [key or index, …], "message": …}``; nothing when the SDK takes it."""
    return list(_against(_make_endpoint, written))


def check_deployment(written: Mapping[str, Any]) -> list[Json]:
    """As ``check_endpoint``."""
    return list(_against(_make_deployment, written))


def _make_endpoint(written: Json) -> None:
    endpoint = load_online_endpoint(as_source({**written, "name": _FILLED_IN["name"]}))
    endpoint._to_rest_online_endpoint("anywhere")  # what it does before it sends: there is no public name for it


def _make_deployment(written: Json) -> None:
    deployment: Any = load_online_deployment(as_source({**written, **_FILLED_IN}))
    collector = deployment.data_collector
    for collection in collector.collections.values() if collector is not None else ():
        collection.data = None  # its asset is registered first, by Azure
    deployment._to_rest_object("anywhere")


def _against(make: Callable[[Json], None], written: Mapping[str, Any]) -> Iterator[Json]:
    try:
        make(dict(written))
    except ValidationError as wrong:
        # The SDK raises it anew, as a page of text for a terminal; the one before has the fields.
        cause: Any = wrong.__cause__ if isinstance(wrong.__cause__, ValidationError) else wrong
        yield from _mistakes(cause.normalized_messages(), (), written)
    except Exception as broken:  # noqa: BLE001 - whatever it is, the SDK would fail with it when the deployment is made
        yield _mistake((), f"cannot be used by Azure ML's SDK: {_first_line(broken)}")


def _mistakes(found: Any, place: tuple[str | int, ...], written: Any) -> Iterator[Json]:
    """Marshmallow's errors: mappings by field, lists of sentences, or lists with what each form of several has against it.

    ``written`` is what stands at ``place``.
    """
    match found:
        case dict():
            for key, inner in found.items():
                if key in _SAID_BY_MARSHMALLOW and not (isinstance(written, dict) and key in written):
                    yield from _mistakes(inner, place, written)
                else:
                    yield from _mistakes(inner, (*place, key), _inside(written, key))
        case [*forms] if any(isinstance(form, dict) for form in forms):
            yield from _mistakes(next(form for form in forms if isinstance(form, dict)), place, written)
        case [*sentences]:
            for sentence in dict.fromkeys(map(str, sentences)):
                yield _mistake(place, plain_sentence(sentence))
        case other:
            yield _mistake(place, plain_sentence(str(other)))


def _inside(written: Any, key: str | int) -> Any:
    if isinstance(written, dict):
        return written.get(key)
    return written[key] if isinstance(written, list) and isinstance(key, int) and key < len(written) else None


def _mistake(place: tuple[str | int, ...], message: str) -> Json:
    return {"place": list(place), "message": message}


def plain_sentence(sentence: str) -> str:
    if found := _NOT_IN_SET.match(sentence):
        value, known = found["value"], [f"`{word}`" for word in _words(found["known"])]
        allowed = f"{', '.join(known[:-1])} or {known[-1]}" if len(known) > 1 else known[0]
        quotes = "; put it in quotes" if value.lower() in _words(found["known"]) else ""
        return f"must be {allowed}, not {value}{quotes}"
    return _SENTENCES.get(sentence, sentence[:1].lower() + sentence[1:].rstrip("."))


def _words(listed: str) -> list[str]:
    try:
        return [str(word) for word in ast.literal_eval(f"[{listed}]")]
    except (SyntaxError, ValueError):
        return [listed]


def _first_line(broken: Exception) -> str:
    said = str(getattr(broken, "message", None) or broken).strip().partition("\n")[0]
    return said.rstrip(".") or type(broken).__name__
