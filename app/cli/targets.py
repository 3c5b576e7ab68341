"""``mlrelease targets``: endpoints, and what others have made or changed there."""

from typing import Annotated, NoReturn

import typer

from app.cli.client import PATIENCE_SECONDS, WAIT_SECONDS, Client
from app.cli.dry_runs import print_checks
from app.cli.exits import Exit
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, say
from app.cli.prompts import require_terminal
from app.cli.releases import WaitApproval, Watch, follow
from app.documents.json_object import Json

commands = typer.Typer(help="Endpoints, and what others made or changed there.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(metavar="MODEL")]
Stage = Annotated[str, typer.Argument(metavar="STAGE")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@commands.command()
def adopt(
    model: Model,
    stage: Stage,
    note: Annotated[str | None, typer.Option(help="Its purpose.")] = None,
    yes: Yes = False,
    watch: Watch = False,
    wait_approval: WaitApproval = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Take a stage's endpoint on record as it is. Shows what is there, and asks. Exit status 1: it cannot be adopted."""
    service = Client(server)
    address = f"/v1/models/{model}/stages/{stage}/adopt"
    looked = service.post(f"{address}/dry-run", {})
    while looked["state"] == "pending":
        looked = service.get(f"/v1/dry-runs/{looked['id']}", patience=PATIENCE_SECONDS, wait=WAIT_SECONDS)
    if looked["state"] != "passed":
        _refuse(looked, as_json=as_json)
    (seen,) = looked["stages"]
    if not yes:
        require_terminal(as_json=as_json, instead="--yes")
    if not as_json:
        print_found(seen["plan"])
    if not yes and not typer.confirm("Adopt it as it is?"):
        raise typer.Exit(Exit.CANCELLED)
    release = service.post(address, {"seen": seen["found_digest"], "note": note})
    if watch:
        follow(service, release["id"], wait_approval=wait_approval, as_json=as_json)
    if as_json:
        print_json(release)
    else:
        say(f"{release['id']} was requested. Follow it: mlrelease release watch {release['id']}")


def print_found(plan: Json) -> None:
    """What an adoption would have on record: each deployment, and in what that differs from what is on record now."""
    (step,) = plan["steps"]
    found = step["config"]["found"]
    say(f"{plan['target']['endpoint']} in {plan['target']['workspace']}:")
    print_table(
        ["deployment", "traffic", "mirror", "model", "machines", "made by"],
        [
            (
                each["name"],
                f"{found['traffic'].get(each['name'], 0)}%",
                f"{found['mirror'].get(each['name'], 0)}%",
                each["model"],
                f"{each['instance_count']} × {each['instance_type']}",
                each["release"] or "others",
            )
            for each in found["deployments"]
        ],
        empty="It has no deployment.",
    )
    if step["config"]["differences"]:
        say("\nWhat is on record differs:")
    for each in step["config"]["differences"]:
        say(f"  {each['sentence']}")


def _refuse(looked: Json, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json(looked)
    else:
        print_checks(looked["checks"])
        say(f"\n{looked['sentence']}")
    raise typer.Exit(Exit.REFUSED)
