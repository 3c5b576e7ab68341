"""The JSON Schemas of files that people write, as they are published for editors."""

import json
from typing import Any

from pydantic import BaseModel

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schema_of(section: type[BaseModel], *, file: str) -> dict[str, Any]:
    """The schema of one file."""
    return {"$schema": DIALECT, **section.model_json_schema(), "title": f"{file} of mlrelease"}


def as_text(schema: dict[str, Any]) -> str:
    """As it lies in ``deploy/``."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
