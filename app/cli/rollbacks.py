"""``mlrelease rollback``: go back to what served before."""

from typing import Annotated

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, say
from app.cli.prompts import reason_given
from app.cli.releases import WaitApproval, Watch, follow
from app.errors import NotFound


def rollback(
    model: Annotated[str, typer.Argument()],
    stage: Annotated[str, typer.Argument()],
    to: Annotated[
        str | None,
        typer.Option(
            help="A release that has served there. Default: the one before what serves now.", metavar="RELEASE"
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option(help="What is wrong. On a terminal there is a prompt for it.", show_default=False)
    ] = "",
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
    body = {"to": to, "reason": reason_given(reason, as_json=as_json)}
    release = service.post(f"/v1/targets/{_target(service, model, stage)}/rollback", body, key=key)
    if watch:
        follow(service, release["id"], wait_approval=wait_approval, as_json=as_json)
    if as_json:
        print_json(release)
    else:
        say(f"{release['id']} takes {stage} back to {release['source']['release']}.")
        say(f"Follow it: mlrelease release watch {release['id']}")


def _target(service: Client, model: str, stage: str) -> str:
    """Where the stage's last rollout went."""
    for release in service.get("/v1/releases", model=model, limit=200)["items"]:
        for rollout in service.get(f"/v1/releases/{release['id']}")["rollouts"]:
            if rollout["stage"] == stage:
                return str(rollout["target"])
    raise NotFound(
        f"Nothing of {model} was released to {stage}.",
        code="target_not_found",
        hint=f"`mlrelease release list --model {model}` shows what was released.",
    )
