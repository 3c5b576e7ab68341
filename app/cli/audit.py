"""``mlrelease audit``: verify and export the event chain."""

import sys
from datetime import datetime
from typing import Annotated

import typer

from app.cli.client import Client
from app.cli.exits import Exit
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, say
from app.cli.programs import exec_module
from app.errors import Invalid

commands = typer.Typer(help="The audit record: verify and export the event chain.", no_args_is_help=True)


@commands.command()
def verify(
    anchor: Annotated[
        str | None,
        typer.Option(
            help="Number and hash of an event that you noted: detects a chain that was rewritten as a whole.",
            metavar="SEQ:HASH",
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
    seq, _, noted = (anchor or "").partition(":")
    if anchor and not (seq.isdecimal() and noted):
        raise Invalid(f"{anchor!r} is not an anchor.", code="anchor_invalid", hint="Write it as SEQ:HASH.")
    verdict = Client(server).get("/v1/audit/verify", seq=seq or None, hash=noted or None)
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
