"""``mlrelease tokens``: API tokens for people and programs."""

from typing import Annotated, Any

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Cursor, Limit, Server
from app.cli.output import print_json, print_table, say, say_more, when
from app.cli.programs import exec_module
from app.errors import Invalid

commands = typer.Typer()


@commands.command()
def create(
    name: Annotated[str, typer.Argument(help="The holder's name: events and approvals record it.")],
    role: Annotated[list[str], typer.Option("--role", help="ROLE, or ROLE:MODEL for one model; repeatable.")],
    days: Annotated[int, typer.Option(help="Days until it expires.")] = 90,
    note: Annotated[str | None, typer.Option(help="Its purpose.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Create a token. Its secret is printed once and stored nowhere."""
    asked = {"name": name, "grants": [_grant(each) for each in role], "days": days, "note": note}
    token = Client(server).post("/v1/tokens", asked)
    if as_json:
        print_json(token)
        return
    say(f"{token['id']} for {token['name']}, until {when(token['expires_at'])}. Save the secret now, it is not stored:")
    say(token["secret"])


@commands.command()
def first(name: Annotated[str, typer.Argument(help="The holder's name.")]) -> None:
    """Print an admin token for an installation that has none. Needs its database (MLRELEASE_DATABASE_URL)."""
    exec_module("app.api.first_token", name)


@commands.command("list")
def list_tokens(
    limit: Limit = 50, cursor: Cursor = None, server: Server = DEFAULT_SERVER, as_json: AsJson = False
) -> None:
    """List tokens, the newest first, and when they were last used. Secrets are not shown."""
    page = Client(server).get("/v1/tokens", limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ("token", "name", "grants", "created by", "expires", "last used", "revoked", "note"),
        [
            (
                each["id"],
                each["name"],
                [_shown(grant) for grant in each["grants"]],
                each["created_by"],
                when(each["expires_at"]),
                when(each["last_used_at"]),
                when(each["revoked_at"]),
                each["note"],
            )
            for each in page["items"]
        ],
        empty="There are no tokens.",
    )
    say_more(page)


@commands.command()
def revoke(
    token: Annotated[str, typer.Argument(help="The token's id, see `mlrelease tokens list`.")],
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Revoke a token."""
    revoked = Client(server).post(f"/v1/tokens/{token}/revoke", {})
    if as_json:
        print_json(revoked)
    else:
        say(f"{revoked['id']} of {revoked['name']} was revoked.")


def _grant(written: str) -> dict[str, Any]:
    role, colon, model = written.partition(":")
    if not role or (colon and not model):
        raise Invalid(f"{written!r} is not a grant.", code="grant_invalid", hint="Write ROLE or ROLE:MODEL.")
    return {"role": role} | ({"model": model} if model else {})


def _shown(grant: dict[str, Any]) -> str:
    return f"{grant['role']}:{grant['model']}" if grant["model"] else str(grant["role"])
