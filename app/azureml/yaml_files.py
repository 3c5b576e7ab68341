"""A team's YAML on its way to the SDK: read once, by the reader that checked it, and handed on as data.

The SDK reads YAML 1.1 (PyYAML), where ``on`` is a truth value and ``12:30`` a number; ``app.documents`` reads YAML 1.2, where both
are text. So the SDK never sees what was written, only what was read from it.
"""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from app.azureml.errors import BadRequest
from app.documents.json_object import Json
from app.documents.yaml_lines import read_yaml


def read_mapping(file: Path) -> Json:
    """What a file of a bundle says. Raises BadRequest with what is wrong in it."""
    document = read_yaml(file, name=file.name)
    if document.mistakes:
        raise BadRequest(f"Could not read {file.name}: {'; '.join(map(str, document.mistakes))}.")
    if not isinstance(document.data, dict):
        raise BadRequest(f"Could not read {file.name}: it is not a mapping (`key: value`).")
    return document.data


def as_source(data: Mapping[str, Any]) -> io.StringIO:
    """The data as the SDK's ``load_*`` functions take it: what they read from it is equal to ``data``."""
    return io.StringIO(yaml.safe_dump(dict(data)))
