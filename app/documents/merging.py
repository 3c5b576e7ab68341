"""One mapping laid over another, as a stage's settings are laid over a file's."""

from collections.abc import Mapping
from typing import Any

from app.documents.json_object import Json


def merged(written: Mapping[str, Any], overrides: Mapping[str, Any]) -> Json:
    """Mappings are merged at every depth; null removes a field; anything else, a list too, takes the place of what is there."""
    result = dict(written)
    for key, value in overrides.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping):
            below = result.get(key)
            result[key] = merged(below if isinstance(below, Mapping) else {}, value)
        else:
            result[key] = value
    return result
