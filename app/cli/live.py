"""The live view of a release or a training job on a terminal."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from app.cli.changes import job_changes, release_changes
from app.cli.output import COLOURS, out, say, seconds
from app.documents.json_object import Json

MARKS = {
    "succeeded": "✓",
    "completed": "✓",
    "failed": "✗",
    "errored": "✗",
    "approval_rejected": "✗",
    "skipped": "–",
    "cancelled": "–",
    "canceled": "–",
    "in_progress": "▸",
    "running": "▸",
    "pending_approval": "?",
}


@contextmanager
def showing_release(shown: Json | None = None) -> Iterator[Callable[[Json], None]]:
    """Yields the function to call with each new state of a release: redraws a view on a terminal, prints lines elsewhere.

    The lines show what changed since ``shown``.
    """
    with _showing(render_release, release_changes, shown) as show:
        yield show


@contextmanager
def showing_job() -> Iterator[Callable[[Json], None]]:
    """The same for a training job."""
    with _showing(render_job, job_changes, None) as show:
        yield show


@contextmanager
def _showing(
    render: Callable[[Json, datetime], RenderableType],
    changes: Callable[[Json | None, Json], Iterable[str]],
    shown: Json | None,
) -> Iterator[Callable[[Json], None]]:
    seen: list[Json] = [] if shown is None else [shown]
    if not out.is_terminal:

        def print_changes(now: Json) -> None:
            for line in changes(seen[-1] if seen else None, now):
                say(f"{datetime.now().astimezone():%H:%M:%S}  {line}")
            seen[:] = [now]

        yield print_changes
        return

    def draw() -> RenderableType:
        return render(seen[-1], datetime.now(UTC)) if seen else Text("…")

    def redraw(now: Json) -> None:
        seen[:] = [now]
        live.refresh()

    with Live(get_renderable=draw, console=out, refresh_per_second=4) as live:
        yield redraw


def render_release(release: Json, now: datetime) -> RenderableType:
    """Each stage with its steps and their times so far."""
    parts: list[RenderableType] = [_heading(release["id"], release["status"], release["sentence"])]
    for rollout in release["rollouts"]:
        parts.append(
            _heading(f"\n{rollout['stage']}  {rollout['workspace']}/{rollout['endpoint']}", rollout["status"], "")
        )
        grid = _grid()
        for step in rollout["steps"]:
            grid.add_row(_mark(step["status"]), step["key"], _took(step, now), _sentence(step["sentence"]))
        parts.append(grid)
    return Group(*parts)


def render_job(job: Json, now: datetime) -> RenderableType:
    """A training job with its steps."""
    grid = _grid()
    for child in job["children"]:
        grid.add_row(_mark(child["status"]), escape(child["display_name"]), "", child["status"])
    took = _took({"seconds": None, "finished_at": job["ended_at"], **job}, now)
    return Group(_heading(f"training job {job['name']}  {took}", job["status"], job["sentence"]), grid)


def _heading(subject: str, status: str, sentence: str) -> Text:
    return Text.assemble((subject, "bold"), "  ", (status, COLOURS.get(status.lower(), "")), "  ", (sentence, "dim"))


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(width=3, justify="right")
    grid.add_column(no_wrap=True)
    grid.add_column(justify="right", min_width=8, no_wrap=True)
    grid.add_column(style="dim")  # the only one that may become narrower
    return grid


def _sentence(text: str) -> Text:
    """On one line: what is too long is cut off."""
    return Text(text, no_wrap=True, overflow="ellipsis")


def _mark(status: str) -> Text:
    return Text(MARKS.get(status.lower(), "·"), COLOURS.get(status.lower(), "dim"))


def _took(thing: Json, now: datetime) -> str:
    if thing["seconds"] is not None or thing["started_at"] is None:
        return seconds(thing["seconds"]) if thing["seconds"] is not None else ""
    end = datetime.fromisoformat(thing["finished_at"]) if thing["finished_at"] else now
    return seconds((end - datetime.fromisoformat(thing["started_at"])).total_seconds())
