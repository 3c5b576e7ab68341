"""Commands as they are once they are called: in the list a name and a sentence stand in their place."""

from typing import Any

import typer


def command_of(group: Any, name: str) -> Any:
    """The command of that name, or the group."""
    return group.resolve_command(typer.Context(group), [name])[1]
