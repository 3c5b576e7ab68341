"""Golden requests: requests that a deployment must answer correctly before it gets traffic."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonpath

from app.bundles.archive import read_files
from app.documents.mistakes import did_you_mean
from app.documents.strict_json import Ambiguous, loads
from app.errors import Mistake
from app.sandbox.sandbox import sandbox

LARGEST_FILE = 8 * 1024**2  # bytes
MOST_REQUESTS = 10_000
LONGEST_PATH = 500  # characters
MOST_UNKNOWN = 10  # keys of one request that are told of
KEYS = ["expect", "label", "path", "request", "tolerance"]
SHAPE = 'must be a list of {"request": {…}, "expect": {…}}'


def is_path_to_one_value(path: Any) -> bool:
    """Whether it is a JSON path (RFC 9535) that leads to one place at most: names and numbers, no filters."""
    if not isinstance(path, str) or not path.startswith("$") or len(path) > LONGEST_PATH:
        return False
    try:
        read = jsonpath.compile(path)
    except (jsonpath.JSONPathError, RecursionError):
        return False
    return isinstance(read, jsonpath.JSONPath) and read.singular_query()


def check_golden(path: Path, *, name: str, counts_labels: bool = False) -> list[Mistake]:
    """Everything wrong with the file; ``name`` is what mistakes call it. ``counts_labels``: whether the definition says how."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            return [Mistake(f"is larger than {LARGEST_FILE:,} bytes", file=name)]
        text = path.read_text(encoding="utf-8-sig")
        requests = loads(text)
    except UnicodeDecodeError:
        return [Mistake("is not text in UTF-8", file=name)]
    except OSError as broken:
        return [Mistake(f"cannot be read: {broken.strerror}", file=name)]
    except json.JSONDecodeError as broken:
        return [Mistake(f"is not JSON: {broken.msg}", file=name, line=broken.lineno)]
    except RecursionError:
        return [Mistake("is nested too deeply", file=name)]
    except Ambiguous as broken:
        return [Mistake(str(broken), file=name)]
    except ValueError as broken:
        return [Mistake(f"is not JSON: {broken}", file=name)]
    if not isinstance(requests, list):
        return [Mistake(SHAPE, file=name, line=1)]
    if not requests:
        return [Mistake("has no requests; at least one is required", file=name, line=1)]
    if len(requests) > MOST_REQUESTS:
        return [Mistake(f"has more than {MOST_REQUESTS:,} requests", file=name, line=1)]
    lines = _lines_of_items(text)
    return [
        Mistake(message, file=name, line=line, field=f"[{index}]")
        for index, (request, line) in enumerate(zip(requests, lines, strict=True))
        for message in _wrong_with(request, counts_labels=counts_labels)
    ]


def count_golden(text: str | bytes) -> int:
    """The number of different requests with an expected answer, in a file that was checked."""
    listed = json.loads(text)
    proving = [each["request"] for each in listed if "label" in each or each["expect"] not in ({}, [], None)]
    return len({json.dumps(request, sort_keys=True) for request in proving})


def count_golden_of(archive: bytes, file: str) -> int:
    """How many requests of this file of a bundle prove something, read in a child process. Of a bundle that was checked."""
    count: int = sandbox.run(
        f"{__name__}:count_in_child", {"archive": archive, "file": file}, doing="read the golden requests"
    )
    return count


def count_in_child(archive: bytes, file: str) -> int:
    """What ``count_golden_of`` has done."""
    return next(count_golden(content) for name, content in read_files(archive) if name == file)


def _wrong_with(request: Any, *, counts_labels: bool) -> Iterator[str]:
    if not isinstance(request, dict):
        yield 'must be {"request": {…}, "expect": {…}}'
        return
    unknown = [key for key in request if key not in KEYS]
    missing = [
        key for key in ("expect", "request") if key not in request and not (key == "expect" and "label" in request)
    ]
    for key in unknown[:MOST_UNKNOWN]:
        yield f"`{key}` is an unknown key{did_you_mean(key, missing)}"
    for key in missing:
        yield f"`{key}` is missing"
    if "request" in request and not isinstance(request["request"], dict | list):
        yield "`request` must be the JSON object that is sent to the model"
    if "label" in request and "expect" in request:
        yield "has `label` and `expect`: a label counts towards the accuracy, what is expected must be in the answer"
    if "label" in request and not counts_labels:
        yield "`label` needs `checks.replay.accuracy` in release.yml, which says how many labels must be right"
    if "path" in request and not is_path_to_one_value(request["path"]):
        yield "`path` must be a JSON path to one value, such as `$.predictions[0]`"
    tolerance = request.get("tolerance", 0)
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or tolerance < 0:
        yield "`tolerance` must be a number, 0 or more"


def _lines_of_items(text: str) -> list[int]:
    """The line on which each item of a valid JSON list begins."""
    decoder = json.JSONDecoder()
    lines: list[int] = []
    position, line, counted = text.index("[") + 1, 1, 0
    while True:
        while text[position] in " \t\r\n,":
            position += 1
        if text[position] == "]":
            return lines
        line, counted = line + text.count("\n", counted, position), position
        lines.append(line)
        _, position = decoder.raw_decode(text, position)
