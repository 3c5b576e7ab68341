"""``mlrelease audit``: is the record whole, and what does it say."""

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

commands = typer.Typer(help="The record of everything that happened.", no_args_is_help=True)


@commands.command()
def verify(
    anchor: Annotated[
        str | None,
        typer.Option(
            help="Number and hash of an event that you noted: shows a chain written anew as a whole.",
            metavar="SEQ:HASH",
        ),
    ] = None,
    offline: Annotated[
        bool, typer.Option(help="Ask the database (MLRELEASE_DATABASE_URL) and not the service.")
    ] = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Walk the whole chain of events and name the first broken link."""
    if offline:
        exec_module("app.releasing.auditing", *([anchor] if anchor else []))
    seq, _, noted = (anchor or "").partition(":")
    if anchor and not (seq.isdecimal() and noted):
        raise Invalid(f"{anchor!r} is no anchor.", code="anchor_invalid", hint="Write it as SEQ:HASH.")
    verdict = Client(server).get("/v1/audit/verify", seq=seq or None, hash=noted or None)
    if as_json:
        print_json(verdict)
    elif verdict["intact"]:
        say(f"The chain is whole: {verdict['seq']} events. Note this elsewhere: {verdict['seq']}:{verdict['hash']}")
    else:
        say(f"{verdict['why']} Events 1 to {verdict['seq']} hold.")
    if not verdict["intact"]:
        raise typer.Exit(Exit.REFUSED)


@commands.command()
def export(
    since: Annotated[datetime | None, typer.Option(help="From then on, by this machine's clock.")] = None,
    until: Annotated[datetime | None, typer.Option(help="Before then.")] = None,
    model: Annotated[str | None, typer.Option(help="Of this model only.")] = None,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Every event as a JSON document a line, the oldest first, on standard output."""
    moments = {"since": since, "until": until}
    query = {name: moment.astimezone().isoformat() for name, moment in moments.items() if moment is not None}
    for line in Client(server).lines("/v1/audit/export", model=model, **query):
        sys.stdout.write(line + "\n")
