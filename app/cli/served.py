"""``mlrelease served``: what serves where, now and at any other moment."""

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, when
from app.cli.serving import share_text
from app.documents.json_object import Json
from app.errors import Conflict, NotFound

TargetId = Annotated[
    str | None,
    typer.Option("--target", help="Where the stage has had several endpoints: SUBSCRIPTION/GROUP/WORKSPACE/ENDPOINT."),
]


def served(
    model: Annotated[str | None, typer.Argument(help="Only this model. Default: all.", show_default=False)] = None,
    stage: Annotated[str | None, typer.Argument(help="Only this stage. Default: all.", show_default=False)] = None,
    at: Annotated[
        datetime | None, typer.Option(help="What served at this time, in local time. Default: now.", metavar="TIME")
    ] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Show what serves where, since when, who requested it and who approved it."""
    show_served(Client(server), model=model, stage=stage, at=at, as_json=as_json)


def show_served(
    service: Client, *, model: str | None, stage: str | None = None, at: datetime | None = None, as_json: bool = False
) -> None:
    """As the command prints it."""
    found = [{**each, "serving": _serving(service, each, at)} for each in targets(service, model=model, stage=stage)]
    found.sort(key=lambda each: (each["model"], each["stage"], each["id"]))
    if as_json:
        print_json({"items": found})
        return
    print_table(
        [
            "model",
            "stage",
            "endpoint",
            "workspace",
            "release",
            "deployment",
            "traffic",
            "since",
            "requested by",
            "approved by",
        ],
        [_line(target, share) for target in found for share in target["serving"]],
        empty="Nothing serves, as far as is on record."
        if at is None
        else "Nothing served then, as far as is on record.",
    )


def targets(service: Client, *, model: str | None = None, stage: str | None = None) -> Iterator[Json]:
    """The endpoints on record, from all pages."""
    cursor: str | None = None
    while True:
        page = service.get("/v1/targets", cursor=cursor, limit=200, model=model, stage=stage)
        yield from page["items"]
        cursor = page["next"]
        if cursor is None:
            return


def target_of(service: Client, model: str, stage: str, target: str | None = None) -> str:
    """The id of a stage's endpoint: ``target`` where one is named. Raises NotFound, and Conflict where the stage has had several."""
    if target is not None:
        return target
    found = [str(each["id"]) for each in targets(service, model=model, stage=stage)]
    if not found:
        raise NotFound(
            f"No endpoint of {model} in {stage} is on record.",
            code="target_not_found",
            hint="`mlrelease targets list` shows those that are.",
        )
    if len(found) > 1:
        raise Conflict(
            f"{model} has had several endpoints in {stage}: {', '.join(found)}.",
            code="target_ambiguous",
            hint="Choose one with --target.",
        )
    return found[0]


def _serving(service: Client, target: Json, at: datetime | None) -> list[Json]:
    """What serves there, and by whose word."""
    path = f"/v1/targets/{target['id']}"
    if at is None:
        now: list[Json] = service.get(path)["serving"]
        return now
    then: list[Json] = service.get(f"{path}/history", at=at.astimezone().isoformat())["items"]
    return then


def _line(target: Json, share: Json) -> tuple[str | None, ...]:
    begun = share["begun"] or {"requested_by": None, "approvals": []}
    return (
        *(target[field] for field in ("model", "stage", "endpoint", "workspace")),
        share["release"] or "made by others",
        share["deployment"],
        share_text(share),
        when(share["since"]),
        begun["requested_by"],
        ", ".join(each["actor"] for each in begun["approvals"]),
    )
