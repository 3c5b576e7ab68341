"""Values of a kind that the SDK does not look for and breaks over: a number for a component, a list of jobs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from app.azureml.schema_check import TEXT
from app.documents.yaml_lines import Document, Place, read_yaml
from app.errors import Mistake

_DEEPEST = 5  # files that are named by files that are named
# Where the SDK takes a file's name or a mapping.
_FILE_OR_MAPPING = ("component", "trial", "environment", "job")
_MAPPING = "must be a mapping (`key: value`)"


def unreadable_values(folder: Path, entry: str) -> list[Mistake]:
    """In ``folder/entry`` and in the files that it names, each once."""
    return list(dict.fromkeys(_unreadable_in(folder.resolve(), folder.resolve() / entry, _DEEPEST)))


def _unreadable_in(folder: Path, file: Path, deep: int) -> Iterator[Mistake]:
    """Values of a kind that the SDK does not look for, and breaks over: in a file, and in those that it names."""
    if not file.is_relative_to(folder) or not file.is_file():
        return
    document = read_yaml(file, name=file.relative_to(folder).as_posix())
    try:
        data = yaml.safe_load(file.read_bytes())  # as the SDK reads it
    except (yaml.YAMLError, UnicodeDecodeError):
        return
    if not isinstance(data, dict):
        yield document.mistake((), _MAPPING)
        return
    named: list[str] = []
    yield from _unreadable(document, data, (), named)
    for name in named if deep else ():
        yield from _unreadable_in(folder, (file.parent / name).resolve(), deep - 1)


def _unreadable(document: Document, data: dict[Any, Any], place: Place, named: list[str]) -> Iterator[Mistake]:
    jobs = data.get("jobs")
    if "jobs" in data and not isinstance(jobs, dict):
        yield document.mistake((*place, "jobs"), f"{_MAPPING} of steps")
    for name, step in jobs.items() if isinstance(jobs, dict) else ():
        if not isinstance(name, str):
            yield document.mistake((*place, "jobs", str(name)), f"is a name that {TEXT}: put it in quotes")
        if isinstance(step, dict):
            yield from _unreadable(document, step, (*place, "jobs", str(name)), named)
        else:
            yield document.mistake((*place, "jobs", str(name)), _MAPPING)
    yield from _unreadable_ports(document, data, place)
    for key in _FILE_OR_MAPPING:
        match data.get(key, {}):
            case str() as name:
                named.append(name.removeprefix("file:"))
            case dict():
                pass
            case value:
                yield document.mistake((*place, key), f"must name a file or an asset, or be a mapping, not {value!r}")


def _unreadable_ports(document: Document, data: dict[Any, Any], place: Place) -> Iterator[Mistake]:
    """What a job takes and what it makes. An output is a mapping, in a step also what it is bound to; an input may be much else."""
    for key in ("inputs", "outputs"):
        ports = data[key] if data.get(key) is not None else {}
        if not isinstance(ports, dict):
            yield document.mistake((*place, key), _MAPPING)
            continue
        for name, port in ports.items():
            if key == "outputs" and not isinstance(port, dict | str | None):
                yield document.mistake((*place, key, str(name)), _MAPPING)
            if key == "inputs" and isinstance(port, list):
                yield document.mistake(
                    (*place, key, str(name)), "must be a value or a mapping (`key: value`), not a list"
                )
