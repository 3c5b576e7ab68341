"""Prompts on a terminal. Without a terminal, or with --json, an error says which option to add instead."""

import typer

from app.cli.refusals import UsageMistake
from app.cli.watching import is_interactive


def require_terminal(*, as_json: bool, instead: str) -> None:
    """Raises UsageMistake, naming the option to add, where no prompt is possible."""
    if as_json or not is_interactive():
        where = "With --json there is no prompt" if as_json else "There is no terminal for a prompt"
        raise UsageMistake(f"{where}: add {instead}.")


def reason_given(reason: str, *, as_json: bool) -> str:
    """The reason from the command line or from a prompt. Raises UsageMistake."""
    while not reason.strip():
        require_terminal(as_json=as_json, instead="--reason TEXT")
        reason = typer.prompt("Reason", default="", show_default=False)
    return reason
