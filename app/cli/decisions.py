"""``mlrelease approve`` and ``mlrelease reject``: a word on a rollout that waits, for the plan that was shown."""

from typing import Annotated, Any

import typer

from app.cli.client import Client
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, say
from app.cli.releases import Release
from app.errors import Conflict

Json = dict[str, Any]

Stage = Annotated[str | None, typer.Argument(help="Default: the one that waits.", show_default=False)]
Digest = Annotated[
    str | None, typer.Option("--digest", help="The plan digest that you saw: a plan that is another now is refused.")
]


def approve(
    release: Release,
    stage: Stage = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    digest: Digest = None,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Break the glass: past approvals, freezes and holds. Needs a reason.")
    ] = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Show the plan of a rollout that waits, and approve it."""
    service = Client(server)
    chosen = stage or waiting_rollout(service.release(release).release)["stage"]
    plan = plan_of(service, release, chosen)
    if not as_json:
        print_plan(plan)
    body = {"reason": reason, "plan_digest": digest or plan["digest"], "emergency": emergency}
    _decide("approve", service, release, chosen, body, as_json=as_json)


def reject(
    release: Release,
    stage: Stage = None,
    reason: Annotated[str, typer.Option(help="Why.", prompt="Why")] = "",
    digest: Digest = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Reject a rollout that waits, which ends the release."""
    service = Client(server)
    chosen = stage or waiting_rollout(service.release(release).release)["stage"]
    _decide("reject", service, release, chosen, {"reason": reason, "plan_digest": digest}, as_json=as_json)


def plan_of(service: Client, release_id: str, stage: str) -> Json:
    """What a rollout will do, and what that changes."""
    plan: Json = service.get(f"/v1/releases/{release_id}/rollouts/{stage}/plan")
    return plan


def print_plan(plan: Json) -> None:
    """A plan for people: what comes where, and what callers get instead of what they get now."""
    document = plan["plan"]
    target, deployment = document["target"], document["deployment"]
    say(f"{plan['release']} → {plan['stage']}: {target['workspace']}/{target['endpoint']}")
    model, environment = document["model"], document["environment"]
    say(f"  model        {model['name']} of job {model['job']}, {model['digest']}")
    say(f"  environment  {environment['name']}:{environment['version']}")
    say(f"  machines     {deployment['instance_count']} × {deployment['instance_type']}")
    say(f"  traffic      100% to {deployment['name']} once it answers {document['checks']['golden']} rightly")
    if plan["difference"] is None:
        say("  Nothing of this service's serves there yet.")
    else:
        say(f"  Instead of {plan['serves']}, which serves there now:")
        print_table(
            ["    field", "now", "then"],
            [(f"    {each['field']}", each["before"], each["after"]) for each in plan["difference"]],
            empty="    nothing else",
        )
    say(f"  plan {plan['digest']}")


def _decide(word: str, service: Client, release_id: str, stage: str, body: Json, *, as_json: bool) -> None:
    decided = service.post(f"/v1/releases/{release_id}/rollouts/{stage}/{word}", body)
    if as_json:
        print_json(decided)
        return
    say(f"{decided['id']}: {decided['status']}. {decided['sentence']}")


def waiting_rollout(release: Json) -> Json:
    """The one rollout that waits for people. Raises Conflict when none does."""
    for rollout in release["rollouts"]:
        if rollout["status"] == "pending_approval":
            found: Json = rollout
            return found
    raise Conflict(
        f"Nothing of {release['id']} waits for an approval: it is {release['status']}.",
        code="nothing_waits",
        hint=f"See where it stands: mlrelease release show {release['id']}",
    )
