"""``mlrelease approve`` and ``mlrelease reject``: a word on a rollout that waits."""

from typing import Annotated, Any

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, say
from app.cli.releases import Release
from app.errors import Conflict

Stage = Annotated[str | None, typer.Argument(help="Default: the one that waits.", show_default=False)]
Digest = Annotated[
    str | None, typer.Option("--digest", help="The plan digest that you saw: a plan that is another now is refused.")
]


def approve(
    release: Release,
    stage: Stage = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    digest: Digest = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Approve a rollout that waits."""
    _decide("approve", Client(server), release, stage, reason=reason, digest=digest, as_json=as_json)


def reject(
    release: Release,
    stage: Stage = None,
    reason: Annotated[str, typer.Option(help="Why.", prompt="Why")] = "",
    digest: Digest = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Reject a rollout that waits, which ends the release."""
    _decide("reject", Client(server), release, stage, reason=reason, digest=digest, as_json=as_json)


def _decide(
    word: str, service: Client, release_id: str, stage: str | None, *, reason: str, digest: str | None, as_json: bool
) -> None:
    release = service.release(release_id).release
    chosen = stage or waiting_rollout(release)["stage"]
    # Bound to what was seen: a plan that changes between this look and the word is not approved unseen.
    seen = next((each["plan_digest"] for each in release["rollouts"] if each["stage"] == chosen), None)
    body = {"reason": reason, "plan_digest": digest or seen}
    decided = service.post(f"/v1/releases/{release_id}/rollouts/{chosen}/{word}", body)
    if as_json:
        print_json(decided)
    else:
        said = {"approve": "approved", "reject": "rejected"}[word]
        say(f"{chosen} of {release_id} is {said}. {decided['id']}: {decided['status']}.")


def waiting_rollout(release: dict[str, Any]) -> dict[str, Any]:
    """The one rollout that waits for people. Raises Conflict when none does."""
    for rollout in release["rollouts"]:
        if rollout["status"] == "pending_approval":
            found: dict[str, Any] = rollout
            return found
    raise Conflict(
        f"Nothing of {release['id']} waits for an approval: it is {release['status']}.",
        code="nothing_waits",
        hint=f"See where it stands: mlrelease release show {release['id']}",
    )
