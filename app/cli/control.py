"""``mlrelease release pause|resume|retry``."""

from typing import Annotated, Any

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, say
from app.cli.releases import Release, Watch, follow


def pause(
    release: Release,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Pause a release: at the running step's next safe point, or at once while it waits in the queue."""
    found = Client(server).post(f"/v1/releases/{release}/pause", {"reason": reason})
    _tell(found, as_json=as_json)


def resume(release: Release, watch: Watch = False, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Resume a paused release where it stopped."""
    _go_on(release, "resume", watch=watch, server=server, as_json=as_json)


def retry(release: Release, watch: Watch = False, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Retry a failed or cancelled release from the step that failed. Completed steps are not repeated."""
    _go_on(release, "retry", watch=watch, server=server, as_json=as_json)


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
