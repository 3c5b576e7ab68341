"""``mlrelease freeze``, ``hold`` and ``unhold``: times in which no rollout starts."""

from typing import Annotated

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, say, when
from app.cli.prompts import reason_given
from app.documents.json_object import Json
from app.errors import NotFound

commands = typer.Typer()

Model = Annotated[str | None, typer.Option("--model", "-m", help="Only this model. Default: all.")]
Stage = Annotated[str | None, typer.Option("--stage", "-s", help="Only this stage. Default: all.")]
Target = Annotated[
    str | None,
    typer.Option(help="Only this endpoint: SUBSCRIPTION/GROUP/WORKSPACE/ENDPOINT, as in `release show --json`."),
]
Reason = Annotated[str, typer.Option(help="Why. On a terminal there is a prompt for it.", show_default=False)]


@commands.command()
def create(
    minutes: Annotated[int, typer.Option(min=1, help="How long it lasts.")],
    reason: Reason = "",
    starts: Annotated[
        str | None, typer.Option(help="Local time of the time zone, e.g. 2026-01-02T18:00. Default: now.")
    ] = None,
    time_zone: Annotated[str, typer.Option(help="E.g. Europe/Berlin.")] = "UTC",
    recurs: Annotated[str | None, typer.Option(help="An RRULE, e.g. FREQ=WEEKLY;BYDAY=FR.")] = None,
    model: Model = None,
    stage: Stage = None,
    target: Target = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Create a freeze. A rollout that would start in this time starts afterwards."""
    body = {
        "minutes": minutes,
        "reason": reason_given(reason, as_json=as_json),
        "starts": starts,
        "time_zone": time_zone,
        "recurs": recurs,
        "model": model,
        "stage": stage,
        "target": target,
    }
    _tell(Client(server).post("/v1/freezes", body), as_json=as_json)


@commands.command("list")
def list_freezes(model: Model = None, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Freezes and holds, the newest first."""
    show_freezes(Client(server), model=model, as_json=as_json)


def show_freezes(service: Client, *, model: str | None, as_json: bool = False) -> None:
    """As the command prints them."""
    page = service.get("/v1/freezes", model=model)
    if as_json:
        print_json(page)
        return
    print_table(
        ["freeze", "scope", "starts", "minutes", "recurs", "in force", "reason", "created by"],
        [
            (
                each["id"],
                _about(each),
                f"{each['starts']} {each['time_zone']}",
                each["minutes"],
                each["recurs"],
                _force(each),
                each["reason"],
                each["created_by"],
            )
            for each in page["items"]
        ],
        empty="Nothing is frozen or held.",
    )


@commands.command()
def delete(freeze: Annotated[str, typer.Argument()], server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """End a freeze or a hold. The rollouts that waited for it start."""
    Client(server).delete(f"/v1/freezes/{freeze}")
    if as_json:
        print_json({"ended": [freeze]})
    else:
        say(f"{freeze} has ended.")


def hold(
    model: Annotated[str | None, typer.Argument(help="The model.", show_default=False)] = None,
    reason: Reason = "",
    stage: Stage = None,
    target: Target = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Create a hold: no rollout of a model or target starts until `unhold`."""
    body = {"reason": reason_given(reason, as_json=as_json), "model": model, "stage": stage, "target": target}
    _tell(Client(server).post("/v1/freezes", body), as_json=as_json)


def unhold(
    model: Annotated[str | None, typer.Argument(help="The model.", show_default=False)] = None,
    stage: Stage = None,
    target: Target = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """End the holds with exactly this model, stage and target."""
    service = Client(server)
    held = [
        each
        for each in service.get("/v1/freezes")["items"]
        if each["is_hold"] and (each["model"], each["stage"], each["target"]) == (model, stage, target)
    ]
    if not held:
        raise NotFound("There is no such hold.", code="not_held", hint="`mlrelease freeze list` lists the holds.")
    for each in held:
        service.delete(f"/v1/freezes/{each['id']}")
        if not as_json:
            say(f"{each['id']} has ended: {each['reason']}")
    if as_json:
        print_json({"ended": [each["id"] for each in held]})


def _tell(freeze: Json, *, as_json: bool) -> None:
    if as_json:
        print_json(freeze)
    else:
        say(f"{freeze['id']}: {_about(freeze)}, {_force(freeze)}. End it: mlrelease freeze delete {freeze['id']}")


def _about(freeze: Json) -> str:
    named = [f"{key} {freeze[key]}" for key in ("model", "stage", "target") if freeze[key]]
    return ", ".join(named) or "everything"


def _force(freeze: Json) -> str:
    if not freeze["is_in_force"]:
        return "not in force now"
    return f"until {when(freeze['until'])}" if freeze["until"] else "until it is deleted"
