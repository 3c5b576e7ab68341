"""``mlrelease rollback``: go back to what served before."""

from typing import Annotated

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import source_words
from app.cli.prompts import reason_given
from app.cli.releases import WaitApproval, Watch, end_request
from app.cli.served import TargetId, target_of


def rollback(
    model: Annotated[str, typer.Argument()],
    stage: Annotated[str, typer.Argument()],
    to: Annotated[
        str | None,
        typer.Option(
            help="A release that has served there. Default: the one before what serves now.", metavar="RELEASE"
        ),
    ] = None,
    deployment: Annotated[
        str | None, typer.Option(help="Instead of a release: a deployment on record there that others made.")
    ] = None,
    reason: Annotated[
        str, typer.Option(help="What is wrong. On a terminal there is a prompt for it.", show_default=False)
    ] = "",
    target: TargetId = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key: the same key gives the same rollback, not one further back.")
    ] = None,
    watch: Watch = False,
    wait_approval: WaitApproval = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Go back to what served before: ahead of all that waits or runs there. Afterwards the target is on hold."""
    service = Client(server)
    body = {"to": to, "deployment": deployment, "reason": reason_given(reason, as_json=as_json)}
    release = service.post(f"/v1/targets/{target_of(service, model, stage, target)}/rollback", body, key=key)
    said = f"{release['id']} takes {stage} back to {source_words(release['source'])}.\n"
    end_request(service, release, said, watch=watch, wait_approval=wait_approval, as_json=as_json)
