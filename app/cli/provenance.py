"""``mlrelease provenance``: get signed provenance, and verify it without the service."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from app.attestations.dsse import LARGEST
from app.attestations.keys import LARGEST as LARGEST_KEYS
from app.attestations.keys import read_public_keys
from app.attestations.verification import Verified, require_anchor, require_model, verify_document
from app.cli.anchors import ANCHOR, anchor_in
from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, say
from app.cli.refusals import UsageMistake
from app.cli.releases import Release

Output = Annotated[
    Path | None, typer.Option("--output", "-o", dir_okay=False, help="Write it to this file.", show_default=False)
]

commands = typer.Typer()


@commands.command()
def get(
    release: Release,
    stage: Annotated[str | None, typer.Option("--stage", "-s", help="Default: the release's last.")] = None,
    output: Output = None,
    server: Server = DEFAULT_SERVER,
) -> None:
    """Get the signed provenance of what a release brought to a stage."""
    document = Client(server).get(f"/v1/releases/{release}/provenance", stage=stage)
    _put(json.dumps(document, indent=2) + "\n", output)


@commands.command()
def keys(output: Output = None, server: Server = DEFAULT_SERVER) -> None:
    """Get the public keys that verify provenance, as PEM. Keep them elsewhere than on the service's machine."""
    found = Client(server).get("/v1/provenance/keys")["items"]
    _put("".join(each["pem"] for each in found), output)


@commands.command()
def verify(
    file: Annotated[
        Path,
        typer.Argument(help="What `mlrelease provenance get` printed."),
    ],
    key: Annotated[
        Path,
        typer.Option(help="PEM file with the service's public keys.", metavar="PEM"),
    ],
    model: Annotated[Path | None, typer.Option(help="The model's files: are they the ones that were released?")] = None,
    anchor: Annotated[
        str | None,
        typer.Option(
            help="Number and hash of the event with which the rollout ended, as you noted it.", metavar=ANCHOR
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify a provenance document, without the service. The exit status is 0 only if all that was asked for holds."""
    noted = anchor_in(anchor) if anchor is not None else None
    if model is not None and not model.exists():
        raise UsageMistake(f"There is nothing at {model}.")
    public = read_public_keys(_content(key, most=LARGEST_KEYS), what=f"The file {key}")
    verified = verify_document(_content(file, most=LARGEST), keys=public)
    digest = require_model(verified.statement, model) if model is not None else None
    if noted is not None:
        require_anchor(verified.statement, noted)
    _tell(verified, digest, compared=noted is not None, as_json=as_json)


def _put(text: str, output: Path | None) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    try:
        output.write_text(text)
    except OSError as refused:
        raise UsageMistake(f"{output} cannot be written: {refused.strerror}.") from refused


def _content(file: Path, *, most: int) -> bytes:
    """As much of it as shows that it is too large. Raises UsageMistake."""
    try:
        with file.open("rb") as opened:
            return opened.read(most + 1)
    except OSError as refused:
        raise UsageMistake(f"{file} cannot be read: {refused.strerror}.") from refused


def _tell(verified: Verified, digest: str | None, *, compared: bool, as_json: bool) -> None:
    facts = verified.statement.facts
    if as_json:
        shown = {
            "verified": True,
            "keyid": verified.key.id,
            "model_compared": digest is not None,
            "anchor_compared": compared,
            "statement": verified.statement.as_json(),
        }
        print_json(shown)
        return
    serving, chain = facts.serving, facts.chain
    say(f"The document is signed with key {verified.key.id}.")
    say(f"{facts.release} in {facts.stage}: deployment {serving.deployment} of {serving.workspace}/{serving.endpoint}.")
    say(f"Requested by {facts.requested_by}; {_decided(verified)}.")
    say(f"The files are the model: {digest}." if digest else "Not compared with a model: add --model FOLDER.")
    say(
        f"Event {chain.seq} is the one that you noted."
        if compared
        else f"Note this elsewhere, and compare it with the service's record: mlrelease audit verify --anchor {chain.seq}:{chain.hash}"
    )


def _decided(verified: Verified) -> str:
    approvals = [each for each in verified.statement.facts.approvals if each.approve]
    people = [each.person + (" (break-glass)" if each.emergency else "") for each in approvals]
    return f"approved by {', '.join(people)}" if people else "no approval was needed"
