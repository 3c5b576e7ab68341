"""``mlrelease release pause|resume|retry|advance|extend|abort``, behind the other commands of that group."""

from typing import Annotated, Any

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, say
from app.cli.releases import Release, Watch, commands, follow

Why = Annotated[str, typer.Option("--reason", help="Why.")]


@commands.command()
def pause(
    release: Release,
    reason: Why = "",
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Pause a release: at the running step's next safe point, or at once while it waits in the queue."""
    _ask(release, "pause", reason, server=server, as_json=as_json)


@commands.command()
def resume(release: Release, watch: Watch = False, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Resume a paused release where it stopped."""
    _go_on(release, "resume", watch=watch, server=server, as_json=as_json)


@commands.command()
def retry(release: Release, watch: Watch = False, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Retry a failed or cancelled release from the step that failed. Completed steps are not repeated."""
    _go_on(release, "retry", watch=watch, server=server, as_json=as_json)


@commands.command()
def advance(release: Release, reason: Why = "", server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Go on now: skip the rest of a bake, or accept what golden requests or an analysis could not decide."""
    _ask(release, "advance", reason, server=server, as_json=as_json)


@commands.command()
def extend(release: Release, reason: Why = "", server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Wait longer: watch the share for one more bake, or send the golden requests once more."""
    _ask(release, "extend", reason, server=server, as_json=as_json)


@commands.command()
def abort(release: Release, reason: Why = "", server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Take the traffic back to what served before; the endpoint is then on hold. Before any has moved: stop a release that asks."""
    _ask(release, "abort", reason, server=server, as_json=as_json)


def _ask(release: str, what: str, reason: str, *, server: str, as_json: bool) -> None:
    found = Client(server).post(f"/v1/releases/{release}/{what}", {"reason": reason})
    _tell(found, as_json=as_json)


def _go_on(release: str, how: str, *, watch: bool, server: str, as_json: bool) -> None:
    service = Client(server)
    found = service.post(f"/v1/releases/{release}/{how}", {})
    if watch:
        follow(service, release, as_json=as_json)
    _tell(found, as_json=as_json)


def _tell(release: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(release)
    else:
        say(f"{release['id']}: {release['status']}. {release['sentence']}")
