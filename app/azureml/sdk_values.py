"""The SDK's words: now plain strings, now enums whose ``str()`` is the name of the member."""

from collections.abc import Mapping
from enum import Enum
from typing import Any


def word(value: Any) -> str:
    """Azure's own word; empty for None."""
    return str(value.value if isinstance(value, Enum) else "" if value is None else value)


def words(values: Mapping[str, Any] | None) -> dict[str, str]:
    """Tags or properties."""
    return {str(key): word(value) for key, value in (values or {}).items()}
