"""``mlrelease tokens``: API tokens for people and programs."""

from typing import Annotated, Any

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, say, when
from app.cli.programs import exec_module
from app.errors import Invalid

commands = typer.Typer(help="API tokens: who may come in without a browser.", no_args_is_help=True)


@commands.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is: events and approvals keep this name.")],
    role: Annotated[
        list[str], typer.Option("--role", help="ROLE, or ROLE:MODEL for one model; may be given several times.")
    ],
    days: Annotated[int, typer.Option(help="Until it expires.")] = 90,
    note: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Create a token. Its secret is printed this once: it is stored nowhere."""
    asked = {"name": name, "grants": [_grant(each) for each in role], "days": days, "note": note}
    token = Client(server).post("/v1/tokens", asked)
    if as_json:
        print_json(token)
        return
    say(f"{token['id']} for {token['name']}, until {when(token['expires_at'])}. Keep the secret now, it is not stored:")
    say(token["secret"])


@commands.command()
def first(name: Annotated[str, typer.Argument(help="Whose it is.")]) -> None:
    """Print a token that may do everything, for an installation that has none. Needs its database (MLRELEASE_DATABASE_URL)."""
    exec_module("app.api.first_token", name)


@commands.command("list")
def list_tokens(server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Tokens, the newest first, and when they were last used. Never the secrets."""
    page = Client(server).get("/v1/tokens")
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
        empty="There is no token.",
    )


@commands.command()
def revoke(
    token: Annotated[str, typer.Argument(help="Its id, as `mlrelease tokens list` shows it.")],
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Refuse a token from now on."""
    revoked = Client(server).post(f"/v1/tokens/{token}/revoke", {})
    if as_json:
        print_json(revoked)
    else:
        say(f"{revoked['id']} of {revoked['name']} is revoked.")


def _grant(written: str) -> dict[str, Any]:
    role, colon, model = written.partition(":")
    if not role or (colon and not model):
        raise Invalid(f"{written!r} is no grant.", code="grant_invalid", hint="Write ROLE or ROLE:MODEL.")
    return {"role": role} | ({"model": model} if model else {})


def _shown(grant: dict[str, Any]) -> str:
    return f"{grant['role']}:{grant['model']}" if grant["model"] else str(grant["role"])
