"""``mlrelease targets``: endpoints, and what others have made or changed there."""

import time
from typing import Annotated, NoReturn

import typer

from app.cli.client import PATIENCE_SECONDS, WAIT_SECONDS, Client
from app.cli.dry_runs import print_checks
from app.cli.exits import Exit
from app.cli.found import print_found
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, say, when
from app.cli.prompts import reason_given, require_terminal
from app.cli.releases import WaitApproval, Watch, end_request
from app.cli.served import TargetId, target_of, targets
from app.cli.serving import serving_text
from app.documents.json_object import Json

commands = typer.Typer()

LOOK_SECONDS = 0.5

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
    said = f"{release['id']} was requested. "
    end_request(service, release, said, watch=watch, wait_approval=wait_approval, as_json=as_json)


@commands.command("list")
def list_targets(
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only this model. Default: all.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List the endpoints on record, what serves there, and in what they differ."""
    service = Client(server)
    found = [
        {**each, "drift": service.get(f"/v1/targets/{each['id']}/drift")} for each in targets(service, model=model)
    ]
    if as_json:
        print_json({"items": found})
        return
    print_table(
        ["model", "stage", "endpoint", "workspace", "serves", "differs in", "compared"],
        [
            (
                *(each[field] for field in ("model", "stage", "endpoint", "workspace")),
                serving_text(each["serving"]),
                ", ".join(dict.fromkeys(one["kind"] for one in each["drift"]["differences"])),
                when(each["drift"]["scanned_at"]),
            )
            for each in found
        ],
        empty="No endpoint is on record. A release makes one; `mlrelease targets adopt MODEL STAGE` takes one in.",
    )


@commands.command()
def drift(
    model: Model, stage: Stage, target: TargetId = None, server: Server = DEFAULT_SERVER, as_json: AsJson = False
) -> None:
    """Compare a stage's endpoint with what is on record. Exit status 1: it differs, or could not be compared."""
    service = Client(server)
    path = f"/v1/targets/{target_of(service, model, stage, target)}/drift"
    before = service.get(path)["scanned_at"]
    found = service.post(path, {})
    while found["scanned_at"] == before and found["problem"] is None and found["moved_by"] is None:
        time.sleep(LOOK_SECONDS)
        found = service.get(path)
    if as_json:
        print_json(found)
    else:
        _print_drift(found, model, stage)
    fine = not found["differences"] and found["scanned_at"] != before
    raise typer.Exit(Exit.FINE if fine else Exit.REFUSED)


@commands.command()
def revert(
    model: Model,
    stage: Stage,
    reason: Annotated[str, typer.Option(help="Why. On a terminal there is a prompt for it.", show_default=False)] = "",
    target: TargetId = None,
    watch: Watch = False,
    wait_approval: WaitApproval = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Bring back what is on record as serving, where somebody changed it.

    Nothing is deleted: a changed deployment stays without traffic, and is drift until the endpoint is adopted or somebody deletes it.
    """
    service = Client(server)
    body = {"reason": reason_given(reason, as_json=as_json)}
    release = service.post(f"/v1/targets/{target_of(service, model, stage, target)}/revert", body)
    said = f"{release['id']} was requested. It deletes nothing: a changed deployment stays without traffic. "
    end_request(service, release, said, watch=watch, wait_approval=wait_approval, as_json=as_json)


def _print_drift(found: Json, model: str, stage: str) -> None:
    if found["moved_by"] is not None:
        say(f"{found['moved_by']} moves it now: it is compared when that has ended.")
    if found["problem"] is not None:
        say(f"It could not be compared: {found['problem']}")
    for each in found["differences"]:
        say(each["sentence"])
    if found["differences"]:
        say(f"\nTake it as it is: mlrelease targets adopt {model} {stage}")
        say(f"Bring back what serves on record, and delete nothing: mlrelease targets revert {model} {stage}")
    elif found["scanned_at"] is not None:
        say(f"Nothing differs. Compared {when(found['scanned_at'])}.")


def _refuse(looked: Json, *, as_json: bool) -> NoReturn:
    if as_json:
        print_json(looked)
    else:
        print_checks(looked["checks"])
        say(f"\n{looked['sentence']}")
    raise typer.Exit(Exit.REFUSED)
