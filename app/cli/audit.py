"""``mlrelease audit``: verify and export the event chain."""

import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from app.attestations.verification import Anchor
from app.cli.anchors import ANCHOR, anchor_in, anchor_noted, note_anchor
from app.cli.client import Client
from app.cli.exits import Exit
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, say
from app.cli.programs import exec_module
from app.cli.refusals import UsageMistake
from app.cli.verifying import JSON_LINES, verdict_in

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
    noted: Annotated[
        Path | None,
        typer.Option(
            help="Keep number and hash of the last verified event in this file, and verify only what came after it. "
            "Keep the file where nobody who can write the database can.",
            metavar="FILE",
        ),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="With --noted: verify the whole chain all the same.")] = False,
    offline: Annotated[
        bool, typer.Option(help="Read the database (MLRELEASE_DATABASE_URL) instead of asking the service.")
    ] = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Verify the event chain and name the first broken event: the whole chain, or with --noted what came since the last time."""
    if noted is not None and (anchor or offline):
        raise UsageMistake(
            "--noted goes with neither --anchor nor --offline.",
            code="options_exclude",
            hint="What the file notes is compared anyway; --offline verifies the whole chain.",
        )
    if offline:
        exec_module("app.releasing.auditing", *([anchor] if anchor else []))
    before = anchor_in(anchor) if anchor else (anchor_noted(noted) if noted is not None else None)
    incremental = noted is not None and before is not None and not full
    query = {**(vars(before) if before else {}), "incremental": incremental or None}
    verdict = verdict_in(Client(server).lines("/v1/audit/verify", accept=JSON_LINES, **query))
    if noted is not None and verdict["intact"]:
        note_anchor(noted, Anchor(verdict["seq"], verdict["hash"]))
    if as_json:
        print_json(verdict)
    else:
        say(_sentence(verdict, noted))
    if not verdict["intact"]:
        raise typer.Exit(Exit.REFUSED)


def _sentence(verdict: Mapping[str, Any], noted: Path | None) -> str:
    since, seq = verdict["since"], verdict["seq"]
    if not verdict["intact"]:
        return f"{verdict['why']} Events {since + 1 if since else 1} to {seq} are intact."
    kept = f"Noted in {noted}." if noted else f"Note this elsewhere: {seq}:{verdict['hash']}"
    if not since:
        return f"The chain is intact: {seq} events. {kept}"
    return (
        f"The chain is intact since event {since}, which was noted: {seq - since} new events. {kept}\n"
        f"Events 1 to {since} were not read again; --full does that."
    )


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
