"""``mlrelease approve`` and ``mlrelease reject``: a decision on a rollout that waits, about the plan that was shown."""

from typing import Annotated, Any

import typer

from app.cli.client import Client
from app.cli.exits import Exit
from app.cli.guardrails import guardrail_lines
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, say
from app.cli.prompts import reason_given, require_terminal
from app.cli.releases import Release
from app.errors import Conflict

Json = dict[str, Any]

Stage = Annotated[str | None, typer.Argument(help="Default: the one that waits.", show_default=False)]
Digest = Annotated[
    str | None,
    typer.Option("--digest", help="The plan that you saw: it is decided on this one or none, and nobody is asked."),
]


def approve(
    release: Release,
    stage: Stage = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    digest: Digest = None,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Approve the plan as it is now, without being asked.")
    ] = False,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Break the glass: past approvals, freezes and holds. Needs a reason.")
    ] = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Show what a rollout that waits would change, ask, and approve it. Without a terminal say --yes or --digest."""
    asks = not yes and digest is None
    if asks:
        require_terminal(as_json=as_json, instead="--yes, or --digest DIGEST of the plan that you have seen")
    service = Client(server)
    chosen = stage or waiting_rollout(service.release(release).release)["stage"]
    plan = plan_of(service, release, chosen)
    if not as_json:
        print_plan(plan)
    if asks and not typer.confirm(f"\nApprove {release} for {chosen}?"):
        say("Not approved: nothing was decided.")
        raise typer.Exit(Exit.REFUSED)
    body = {"reason": reason, "plan_digest": digest or plan["digest"], "emergency": emergency}
    _decide("approve", service, release, chosen, body, as_json=as_json)


def reject(
    release: Release,
    stage: Stage = None,
    reason: Annotated[str, typer.Option(help="Why; asked for where a terminal is.", show_default=False)] = "",
    digest: Digest = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Reject a rollout that waits, which ends the release. Without a terminal say --reason."""
    if not reason.strip():
        require_terminal(as_json=as_json, instead="--reason TEXT")
    service = Client(server)
    chosen = stage or waiting_rollout(service.release(release).release)["stage"]
    if not as_json and not reason.strip():
        plan = plan_of(service, release, chosen)
        print_plan(plan)
        digest = digest or plan["digest"]  # of what was shown
    body = {"reason": reason_given(reason, as_json=as_json), "plan_digest": digest}
    _decide("reject", service, release, chosen, body, as_json=as_json)


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
    for line in guardrail_lines(document):
        say(line)
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
