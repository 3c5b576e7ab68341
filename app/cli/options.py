"""Options that commands share, and the conversion of errors to text and exit status."""

from typing import Annotated, Any

import typer

from app.cli.exits import Exit
from app.cli.output import print_error, problem_of
from app.cli.places import LazyCommands
from app.cli.refusals import Refused, Unreachable, UsageMistake
from app.errors import MlreleaseError

DEFAULT_SERVER = "http://127.0.0.1:8400"

_AS_JSON = "mlrelease.json"


def _remember(context: typer.Context, as_json: bool) -> bool:
    context.meta[_AS_JSON] = as_json
    return as_json


AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print one JSON document, also for errors.", callback=_remember, is_eager=True),
]
Server = Annotated[str, typer.Option(envvar="MLRELEASE_SERVER", help="The service's address.", metavar="URL")]

Limit = Annotated[int, typer.Option(min=1, max=200)]
Cursor = Annotated[str | None, typer.Option(help="`next` of the previous page.")]


class Commands(LazyCommands):
    """The root command: prints an error of a command and sets the exit status."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except MlreleaseError as error:
            problem = error.problem if isinstance(error, Refused) else problem_of(error)
            print_error(error, problem=problem, as_json=ctx.meta.get(_AS_JSON, False))
            raise typer.Exit(_exit_of(error)) from error


def _exit_of(error: MlreleaseError) -> Exit:
    if isinstance(error, Unreachable):
        return Exit.UNREACHABLE
    return Exit.USAGE if isinstance(error, UsageMistake) else Exit.REFUSED
