"""``mlrelease webhooks …``: who is told of events, and what became of it."""

from typing import Annotated, Any

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, say, when

commands = typer.Typer(no_args_is_help=True, help="Who is told of events, and what became of it.")

Webhook = Annotated[str, typer.Argument(help="Its id, such as wh_0123456789abcdef.")]


@commands.command()
def create(
    url: Annotated[str, typer.Argument(help="Where to: https://…")],
    kind: Annotated[list[str] | None, typer.Option(help="Of events: release.failed, approval.*; default: all.")] = None,
    model: Annotated[list[str] | None, typer.Option(help="Default: all.")] = None,
    note: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Have events sent to an address. Shows the secret that signs them, once."""
    body = {"url": url, "kinds": kind or [], "models": model or [], "note": note}
    _show_secret(Client(server).post("/v1/webhooks", body), as_json=as_json)


@commands.command("list")
def list_webhooks(server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Every webhook."""
    page = Client(server).get("/v1/webhooks")
    if as_json:
        print_json(page)
        return
    print_table(
        ("webhook", "url", "kinds", "models", "created", "by", "state"),
        (
            (
                each["id"],
                each["url"],
                each["kinds"] or "all",
                each["models"] or "all",
                when(each["created_at"]),
                each["created_by"],
                "disabled" if each["disabled_at"] else "on",
            )
            for each in page["items"]
        ),
        empty="There are no webhooks. Make one with `mlrelease webhooks create URL`.",
    )


@commands.command()
def delete(webhook: Webhook, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Remove a webhook, and what it was still to be told."""
    Client(server).delete(f"/v1/webhooks/{webhook}")
    if as_json:
        print_json({"deleted": webhook})
    else:
        say(f"{webhook} is removed.")


@commands.command()
def rotate(webhook: Webhook, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Give a webhook a new secret, shown once; for a day the former one signs too."""
    _show_secret(Client(server).post(f"/v1/webhooks/{webhook}/rotate", {}), as_json=as_json)


@commands.command("test")
def try_out(webhook: Webhook, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Send a webhook an event that only says that it arrives."""
    found = Client(server).post(f"/v1/webhooks/{webhook}/test", {})
    if as_json:
        print_json(found)
    else:
        say(f"On its way to {found['url']}: `mlrelease webhooks deliveries {webhook}` shows what came of it.")


@commands.command()
def deliveries(
    webhook: Annotated[str | None, typer.Argument(help="Default: all, chats too.", show_default=False)] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only what was given up.")] = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """What was told to whom, the newest first."""
    path = f"/v1/webhooks/{webhook}/deliveries" if webhook else "/v1/deliveries"
    page = Client(server).get(path, status="dead" if dead else None)
    if as_json:
        print_json(page)
        return
    print_table(
        ("delivery", "recipient", "event", "status", "tries", "due", "said"),
        (
            (
                each["id"],
                each["recipient"],
                each["seq"],
                each["status"],
                each["tries"],
                when(each["due_at"]) if each["status"] == "pending" else None,
                each["sentence"],
            )
            for each in page["items"]
        ),
        empty="Nothing was given up." if dead else "Nothing was told to anybody yet.",
    )


@commands.command()
def redeliver(
    delivery: Annotated[
        str, typer.Argument(help="The number of a delivery, or a webhook: everything given up for it.")
    ],
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Send again what was given up, or was delivered."""
    room = "deliveries" if delivery.isdecimal() else "webhooks"
    found = Client(server).post(f"/v1/{room}/{delivery}/redeliver", {})
    if as_json:
        print_json(found)
    else:
        say(f"{found.get('count', 1)} on the way again.")


def _show_secret(webhook: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(webhook)
        return
    say(f"{webhook['id']}: {webhook['url']}")
    say(f"Its secret, shown only now: {webhook['secret']}")
