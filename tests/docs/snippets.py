"""What a document tells people to run: its code blocks, line by line."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[2]

Kind = Literal["shell", "python", "http", "yaml"]

_SHELLS = {"", "sh", "bash", "shell", "console"}
_PYTHON = re.compile(r"(from|import) \w")
_YAML = re.compile(r"[\w-]+:( |$)")
_HTTP = re.compile(r"(GET|POST|PUT|PATCH|DELETE) /")


@dataclass(frozen=True)
class Snippet:
    """A command with its continuation lines, a script, a request, or a part of a file."""

    document: str  # path from the root
    kind: Kind
    text: str


def documents() -> list[Path]:
    """Every document for readers. Decisions are records of their time."""
    return [
        ROOT / "README.md",
        *sorted((ROOT / "docs").glob("*.md")),
        ROOT / "deploy" / "models" / "README.md",
        ROOT / "training" / "README.md",
        ROOT / "tests" / "journeys" / "README.md",
    ]


def snippets(document: Path) -> Iterator[Snippet]:
    name = document.relative_to(ROOT).as_posix()
    for block in _blocks(document.read_text()):
        if _PYTHON.match(block[0]):
            yield Snippet(name, "python", "\n".join(block))
            continue
        if _YAML.match(block[0]):
            yield Snippet(name, "yaml", "\n".join(block))
            continue
        for command in re.sub(r"\\\n\s*", "", "\n".join(block)).splitlines():
            if command.strip():
                yield Snippet(name, "http" if _HTTP.match(command) else "shell", command)


def inline_commands(document: Path) -> list[str]:
    """Commands of ours that are named in a sentence."""
    return re.findall(r"`(mlrelease [^`]+)`", document.read_text().replace("\n", " "))


def _blocks(text: str) -> Iterator[list[str]]:
    """Code blocks that are for a shell or Python: fenced, or indented after an empty line."""
    fence: str | None = None
    block: list[str] = []
    before = ""
    for line in [*text.splitlines(), ""]:
        mark = re.match(r"\s*```(\w*)", line)
        is_indented = fence is None and line.startswith("    ") and (block or not before.strip())
        if mark is None and (is_indented or (fence is not None and fence in _SHELLS)):
            block.append(line.strip() if fence is not None else line.removeprefix("    "))
        elif block and (mark is not None or line.strip()):
            yield block
            block = []
        if mark is not None:
            fence = mark[1] if fence is None else None
        before = line
    if block:
        yield block
