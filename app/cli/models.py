"""``mlrelease models``: definitions of models."""

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Cursor, Limit, Server
from app.cli.output import print_json, print_table, say, say_more, when
from app.cli.packing import pack_definition
from app.cli.refusals import Refused
from app.cli.serving import share_text

commands = typer.Typer()


@commands.command()
def apply(
    folder: Annotated[Path, typer.Argument(help="The definition's folder, with release.yml.", metavar="DIR")],
    note: Annotated[str | None, typer.Option(help="Why the definition changes.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Apply a folder as the newest definition of its model. All mistakes are reported at once."""
    applied = apply_folder(Client(server), folder, note=note)
    if as_json:
        print_json(applied)
    else:
        what = "applied" if applied["created"] else "unchanged since"
        stages = " → ".join(applied["stages"])
        say(f"{applied['model']}: version {applied['version']} {what} {when(applied['applied_at'])}; stages {stages}")


def apply_folder(service: Client, folder: Path, *, note: str | None = None) -> dict[str, Any]:
    """Upload and apply a definition. Mistakes name files relative to the current folder."""
    packed, root = pack_definition(folder)
    bundle = service.upload(packed)
    try:
        applied: dict[str, Any] = service.post("/v1/models", {"bundle": bundle, "note": note})
    except Refused as refused:
        for mistake in refused.problem.get("mistakes", []):
            if mistake.get("file"):
                seen = root / mistake["file"]
                mistake["file"] = str(seen) if root == folder else os.path.relpath(seen)
        raise
    return applied


@commands.command("list")
def list_models(
    limit: Limit = 50,
    cursor: Cursor = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List the newest definition of each model."""
    page = Client(server).get("/v1/models", limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["model", "version", "stages", "applied", "by", "note"],
        [
            (each["model"], each["version"], each["stages"], when(each["applied_at"]), each["applied_by"], each["note"])
            for each in page["items"]
        ],
        empty="No model has a definition yet. Apply one: mlrelease models apply DIR",
    )
    say_more(page)


@commands.command()
def show(
    model: Annotated[str, typer.Argument()],
    version: Annotated[int | None, typer.Option(help="Default: the newest.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Show a model's definition, its stages, where it serves now, and its versions."""
    path = f"/v1/models/{model}" if version is None else f"/v1/models/{model}/versions/{version}"
    found = Client(server).get(path)
    if as_json:
        print_json(found)
        return
    say(f"{found['model']} version {found['version']}, applied {when(found['applied_at'])} by {found['applied_by']}\n")
    stages = found["definition"]["stages"]
    print_table(
        ["stage", "workspace", "endpoint", "registry", "key vault", "approval"],
        [
            (*(stage.get(field) for field in ("name", "workspace", "endpoint", "registry", "key_vault", "approval")),)
            for stage in stages
        ],
        empty="It has no stages.",
    )
    say("")
    print_table(
        ["serves now at", "workspace", "release", "deployment", "traffic", "since"],
        [
            (
                *(each[field] for field in ("endpoint", "workspace")),
                each["release"] or "made by others",
                each["deployment"],
                share_text(each),
                when(each["since"]),
            )
            for each in found["serving"]
        ],
        empty="Nothing of it serves anywhere.",
    )
    say("")
    print_table(
        ["version", "applied", "by", "note"],
        [(each["version"], when(each["applied_at"]), each["applied_by"], each["note"]) for each in found["versions"]],
        empty="It has no versions.",
    )
