"""``mlrelease audit``: verify and export the event chain."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from app.cli.anchors import ANCHOR, anchor_in
from app.cli.client import Client
from app.cli.exits import Exit
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, say
from app.cli.programs import exec_module

commands = typer.Typer()


@commands.command()
def verify(
    anchor: Annotated[
        str | None,
        typer.Option(
            help="Number and hash of an event that you noted: detects a chain that was rewritten as a whole.",
            metavar=ANCHOR,
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option(help="Read the database (MLRELEASE_DATABASE_URL) instead of asking the service.")
    ] = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Verify the whole event chain and name the first broken event."""
    if offline:
        exec_module("app.releasing.auditing", *([anchor] if anchor else []))
    query = vars(anchor_in(anchor)) if anchor else {}
    verdict = Client(server).get("/v1/audit/verify", **query)
    if as_json:
        print_json(verdict)
    elif verdict["intact"]:
        say(f"The chain is intact: {verdict['seq']} events. Note this elsewhere: {verdict['seq']}:{verdict['hash']}")
    else:
        say(f"{verdict['why']} Events 1 to {verdict['seq']} are intact.")
    if not verdict["intact"]:
        raise typer.Exit(Exit.REFUSED)


@commands.command()
def export(
    since: Annotated[datetime | None, typer.Option(help="Only events from this time on, in local time.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Only events before this time.")] = None,
    model: Annotated[str | None, typer.Option(help="Only events of this model.")] = None,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Print every event as one JSON document per line, the oldest first."""
    moments = {"since": since, "until": until}
    query = {name: moment.astimezone().isoformat() for name, moment in moments.items() if moment is not None}
    for line in Client(server).lines("/v1/audit/export", model=model, **query):
        sys.stdout.write(line + "\n")
