"""Questions to somebody at a terminal. Where nobody sits at one, or JSON is wanted, what to add to the command line instead."""

import typer

from app.cli.watching import is_interactive
from app.errors import MlreleaseError


class UsageMistake(MlreleaseError):
    """The command line lacks something, and nobody can be asked for it."""

    default_code = "usage"


def require_terminal(*, as_json: bool, instead: str) -> None:
    """Raises UsageMistake, with what to write instead, where no question can be asked."""
    if as_json or not is_interactive():
        where = "With --json nobody is asked" if as_json else "There is no terminal to ask at"
        raise UsageMistake(f"{where}: add {instead}.")


def reason_given(reason: str, *, as_json: bool) -> str:
    """The reason from the command line, or from whoever sits at the terminal. Raises UsageMistake."""
    while not reason.strip():
        require_terminal(as_json=as_json, instead="--reason TEXT")
        reason = typer.prompt("Why", default="", show_default=False)
    return reason
