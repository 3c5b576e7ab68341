"""Values as the SDK accepts them: ``AMLToken``, ``amlToken`` and ``aml_token`` are one."""

import re
from typing import Any

# Both from the SDK's own conversion (azure.ai.ml._utils.utils.camel_to_snake).
_WORD_AFTER_WORD = re.compile(r"(.)([A-Z][a-z]+)")
_CAPITAL_AFTER_SMALL = re.compile(r"([a-z0-9])([A-Z])")


def as_snake_case(written: Any) -> Any:
    """A word in the one spelling that is compared; anything but text as it is."""
    if not isinstance(written, str):
        return written
    return _CAPITAL_AFTER_SMALL.sub(r"\1_\2", _WORD_AFTER_WORD.sub(r"\1_\2", written)).lower()
