"""How far a verification of the event chain is, as the service tells it: a bar on a terminal, lines elsewhere."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli.output import err
from app.cli.refusals import Refused, Unreachable

JSON_LINES = "application/x-ndjson"
EVERY = 20  # lines that the service sends, each half a second: one is printed where there is no terminal

Json = dict[str, Any]


def verdict_in(lines: Iterator[str]) -> Json:
    """Show each line on standard error but the last, which is the verdict. Raises Refused, and Unreachable where there is none."""
    with _showing() as show:
        for line in lines:
            told: Json = json.loads(line)
            if "intact" in told:
                return told
            if "detail" in told:
                raise Refused(told)
            show(told)
    raise Unreachable("The service ended the verification without a verdict.", hint="Try again.")


@contextmanager
def _showing() -> Iterator[Callable[[Json], None]]:
    if not err.is_terminal:
        numbers = iter(range(1_000_000_000))
        yield lambda told: _say(told) if next(numbers) % EVERY == 0 else None
        return
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("events", total=None)
        yield lambda told: bar.update(task, description=told["what"], completed=told["done"], total=told["total"])


def _say(told: Json) -> None:
    of = "" if told["total"] is None else f" of {told['total']:,}"
    err.print(f"{told['done']:,}{of} {told['what']} are verified.", markup=False)
