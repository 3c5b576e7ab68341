"""``mlrelease webhooks``: webhooks and their deliveries."""

from typing import Annotated, Any

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, say, when

commands = typer.Typer()

Webhook = Annotated[str, typer.Argument(help="Its id, such as wh_0123456789abcdef.")]


@commands.command()
def create(
    url: Annotated[str, typer.Argument(help="The receiver's address: https://…")],
    kind: Annotated[
        list[str] | None, typer.Option(help="Kinds of events, such as release.failed or approval.*. Default: all.")
    ] = None,
    model: Annotated[list[str] | None, typer.Option(help="Default: all.")] = None,
    note: Annotated[str | None, typer.Option(help="Its purpose.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Create a webhook. Prints its signing secret once."""
    body = {"url": url, "kinds": kind or [], "models": model or [], "note": note}
    _show_secret(Client(server).post("/v1/webhooks", body), as_json=as_json)


@commands.command("list")
def list_webhooks(server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """List webhooks."""
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
        empty="There are no webhooks. Create one with `mlrelease webhooks create URL`.",
    )


@commands.command()
def delete(webhook: Webhook, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Delete a webhook and its pending deliveries."""
    Client(server).delete(f"/v1/webhooks/{webhook}")
    if as_json:
        print_json({"deleted": webhook})
    else:
        say(f"{webhook} was deleted.")


@commands.command()
def rotate(webhook: Webhook, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Create a new secret, printed once. The previous one also signs for a day."""
    _show_secret(Client(server).post(f"/v1/webhooks/{webhook}/rotate", {}), as_json=as_json)


@commands.command("test")
def try_out(webhook: Webhook, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Send a test event."""
    found = Client(server).post(f"/v1/webhooks/{webhook}/test", {})
    if as_json:
        print_json(found)
    else:
        say(f"A test event is being sent to {found['url']}. See the result: mlrelease webhooks deliveries {webhook}")


@commands.command()
def deliveries(
    webhook: Annotated[str | None, typer.Argument(help="Default: all webhooks, and chats.", show_default=False)] = None,
    dead: Annotated[bool, typer.Option("--dead", help="Only failed deliveries that are not retried.")] = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List deliveries, the newest first."""
    path = f"/v1/webhooks/{webhook}/deliveries" if webhook else "/v1/deliveries"
    page = Client(server).get(path, status="dead" if dead else None)
    if as_json:
        print_json(page)
        return
    print_table(
        ("delivery", "recipient", "event", "status", "attempts", "next attempt", "result"),
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
        empty="There are no dead deliveries." if dead else "There are no deliveries.",
    )


@commands.command()
def redeliver(
    delivery: Annotated[
        str, typer.Argument(help="A delivery's number, or a webhook's id for all its dead deliveries.")
    ],
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Send a delivery again, or all dead deliveries of a webhook."""
    room = "deliveries" if delivery.isdecimal() else "webhooks"
    found = Client(server).post(f"/v1/{room}/{delivery}/redeliver", {})
    if as_json:
        print_json(found)
    else:
        say(f"Deliveries that are sent again: {found.get('count', 1)}.")


def _show_secret(webhook: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(webhook)
        return
    say(f"{webhook['id']}: {webhook['url']}")
    say(f"The signing secret, shown only once: {webhook['secret']}")
