"""Commands that are imported once they are called: to list them takes a name and a sentence of each, and no client of HTTP."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup


@dataclass(frozen=True)
class Place:
    """Where a command is. ``name``: as it is called. ``place``: MODULE:NAME in ``app.cli`` of a function or of a group of commands.

    ``help``: what the list of commands says of it. For a group that is all that says so; of a function it is the docstring.
    """

    name: str
    place: str
    help: str
    panel: str | None = None

    def listed(self) -> TyperCommand:
        """What stands in the list in its place."""
        return TyperCommand(self.name, help=self.help, rich_help_panel=self.panel)

    def command(self) -> Any:
        """The command itself, as Typer makes it."""
        module, _, name = self.place.partition(":")
        found, around = getattr(import_module(f"app.cli.{module}"), name), typer.Typer()
        if isinstance(found, typer.Typer):
            around.add_typer(found, name=self.name, help=self.help, no_args_is_help=True)
        else:
            around.command(self.name)(found)
        return typer.main.get_group(around).commands[self.name]


class LazyCommands(TyperGroup):
    """A group whose commands are in ``places``."""

    places: ClassVar[Sequence[Place]] = ()

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for place in self.places:
            self.add_command(place.listed())

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, _, rest = super().resolve_command(ctx, args)
        return name, next((place.command() for place in self.places if place.name == name), None), rest
