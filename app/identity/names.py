"""Names of people and programs. Each name has one spelling, because one name is one person."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from app.documents.named import Named

LONGEST = 200

# Lower case and ASCII: "Anna" and "anna" would be two people to the rule against self-approval, and "аnna" with a Cyrillic а another.
PATTERN = r"^[a-z0-9][a-z0-9._@:/+=~-]{0,199}$"
_NAME = re.compile(PATTERN)

# The service's own name; and a word that logs and people take for nobody.
RESERVED = frozenset({"mlrelease", "anonymous"})


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None and text not in RESERVED


def _not_reserved(name: str) -> str:
    if name in RESERVED:
        raise ValueError(f"{name} is reserved for the service itself")
    return name


PersonName = Annotated[
    str,
    Named(PATTERN, "a name: 1 to 200 lower-case letters, digits and `. _ @ : / + = ~ -`, a letter or digit first"),
    Field(max_length=LONGEST, examples=["anna@team.example"]),
    AfterValidator(_not_reserved),
]
