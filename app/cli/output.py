"""What commands print: one JSON document, or tables and text."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from app.errors import Invalid, MlreleaseError

# Without a terminal there is no edge to wrap at.
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 200)
err = Console(stderr=True, highlight=False, soft_wrap=True)

COLOURS = {
    "succeeded": "green",
    "passed": "green",
    "unknown": "yellow",
    "warning": "yellow",
    "completed": "green",
    "failed": "red",
    "errored": "red",
    "approval_rejected": "red",
    "canceled": "yellow",
    "cancelled": "yellow",
    "cancelling": "yellow",
    "in_progress": "cyan",
    "running": "cyan",
    "pending_approval": "magenta",
}


def print_json(document: Any) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def say(sentence: str) -> None:
    """Print plain text."""
    out.print(sentence, markup=False)


def source_words(source: Mapping[str, Any]) -> str:
    """What a release's content comes from: ``job careful_fox``."""
    return f"{source['kind']} {next(value for field, value in source.items() if field != 'kind')}"


def print_table(columns: Sequence[str], rows: Iterable[Sequence[Any]], *, empty: str) -> None:
    """Print a table, or the sentence ``empty`` when there are no rows."""
    lines = list(rows)
    if not lines:
        say(empty)
        return
    table = new_table(columns)
    for line in lines:
        table.add_row(*(as_cell(value) for value in line))
    out.print(table)


def say_more(page: Mapping[str, Any]) -> None:
    """How to get the next page of a list, where there is one."""
    if page["next"]:
        say(f"More: --cursor {page['next']}")


def new_table(columns: Sequence[str]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def as_cell(value: Any) -> str:
    """A value as table text: statuses coloured, nothing as a dash, names without markup."""
    if value is None or value == "":
        return "–"
    text = escape(", ".join(map(str, value)) if isinstance(value, list) else str(value))
    colour = COLOURS.get(text.lower())
    return f"[{colour}]{text}[/]" if colour else text


def when(stamp: str | None) -> str:
    """A time of the API in this machine's zone, to the second."""
    return datetime.fromisoformat(stamp).astimezone().strftime("%Y-%m-%d %H:%M:%S") if stamp else "–"


def seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} s"


def print_error(error: MlreleaseError, *, problem: Mapping[str, Any], as_json: bool) -> None:
    """Print an error: the problem document on standard output, or text on standard error."""
    if as_json:
        print_json(problem)
        return
    err.print(f"[bold red]Error:[/] {escape(error.sentence)}")
    mistakes = [mistake_line(mistake) for mistake in problem.get("mistakes", [])]
    for line in mistakes:
        if len(mistakes) > 1 or line not in error.sentence:  # a single one is mostly the sentence itself
            err.print(f"  {line}", markup=False)
    if problem.get("mistakes_left_out"):
        err.print(f"  and {problem['mistakes_left_out']:,} more.", markup=False)
    if error.hint:
        err.print(error.hint, markup=False)


def mistake_line(mistake: Mapping[str, Any]) -> str:
    place = ":".join(str(mistake[part]) for part in ("file", "line") if mistake.get(part) is not None)
    return ": ".join(str(part) for part in (place, mistake.get("field"), mistake["message"]) if part)


def problem_of(error: MlreleaseError) -> dict[str, Any]:
    """A problem document for an error of the command itself."""
    problem: dict[str, Any] = {"title": "Refused", "detail": error.sentence, "code": error.code, "hint": error.hint}
    if isinstance(error, Invalid) and error.mistakes:
        problem["mistakes"] = [
            {"file": each.file, "line": each.line, "field": each.field, "message": each.message}
            for each in error.mistakes
        ]
    return problem
