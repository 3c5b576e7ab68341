"""``mlrelease idle``: deployments without traffic, what they cost, and what becomes of them."""

from typing import Annotated

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, when
from app.cli.served import targets
from app.documents.json_object import Json

_WORDS = {"keep": "kept", "scale_down": "scaled down", "delete": "deleted"}


def idle(
    model: Annotated[str | None, typer.Argument(help="Only this model. Default: all.", show_default=False)] = None,
    stage: Annotated[str | None, typer.Argument(help="Only this stage. Default: all.", show_default=False)] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Show deployments without traffic, what they cost, and what becomes of them."""
    service = Client(server)
    found = [
        {**each, "idle": service.get(f"/v1/targets/{each['id']}/idle")}
        for each in targets(service, model=model, stage=stage)
    ]
    found.sort(key=lambda each: (each["model"], each["stage"], each["id"]))
    if as_json:
        print_json({"items": [{"target": each["id"], **each["idle"]} for each in found]})
        return
    print_table(
        ["model", "stage", "deployment", "release", "idle since", "machines", "hours", "cost", "then"],
        [_line(target, each) for target in found for each in target["idle"]["items"]],
        empty="No deployment is idle, as far as is on record.",
    )


def _line(target: Json, idle: Json) -> tuple[str | None, ...]:
    cost = "" if idle["cost"] is None else f"{idle['cost']:.2f} {target['idle']['currency']}"
    return (
        target["model"],
        target["stage"],
        idle["deployment"],
        idle["release"] or "made by others",
        when(idle["since"]),
        f"{idle['instance_count']} × {idle['instance_type'] or 'unknown size'}",
        f"{idle['instance_hours']:.1f}",
        cost,
        f"{_WORDS[idle['then']]} from {when(idle['at'])}" if idle["at"] else "kept",
    )
