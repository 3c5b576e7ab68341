"""``mlrelease approve`` and ``mlrelease reject``: decide on the plan of a rollout that waits."""

from typing import Annotated

import typer

from app.cli.client import Client
from app.cli.exits import Exit
from app.cli.found import print_found
from app.cli.guardrails import guardrail_lines
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, say, source_words
from app.cli.prompts import reason_given, require_terminal
from app.cli.releases import Release
from app.cli.serving import serving_text
from app.cli.traffic import traffic_lines
from app.documents.json_object import Json
from app.errors import Conflict

Stage = Annotated[str | None, typer.Argument(help="Default: the stage that waits for approval.", show_default=False)]
Digest = Annotated[
    str | None,
    typer.Option(
        "--digest", help="Digest of the plan that you saw. Refused if the plan is another one by now. Skips the prompt."
    ),
]


def approve(
    release: Release,
    stage: Stage = None,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    digest: Digest = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Approve the current plan without a prompt.")] = False,
    emergency: Annotated[
        bool, typer.Option("--emergency", help="Break-glass: bypass approvals, freezes and holds. Needs a reason.")
    ] = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Show what a rollout changes, ask for confirmation, and approve it. Without a terminal use --yes or --digest."""
    asks = not yes and digest is None
    if asks:
        require_terminal(as_json=as_json, instead="--yes, or --digest DIGEST of the plan that you saw")
    service = Client(server)
    chosen = stage or waiting_rollout(service.release(release).release)["stage"]
    plan = plan_of(service, release, chosen)
    if not as_json:
        print_plan(plan)
    if asks and not typer.confirm(f"\nApprove {release} for {chosen}?"):
        say("Not approved. No decision was recorded.")
        raise typer.Exit(Exit.REFUSED)
    body = {"reason": reason, "plan_digest": digest or plan["digest"], "emergency": emergency}
    _decide("approve", service, release, chosen, body, as_json=as_json)


def reject(
    release: Release,
    stage: Stage = None,
    reason: Annotated[str, typer.Option(help="Why. On a terminal there is a prompt for it.", show_default=False)] = "",
    digest: Digest = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Reject a rollout that waits. This ends the release. Without a terminal use --reason."""
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
    """The plan of a rollout, and what it changes."""
    plan: Json = service.get(f"/v1/releases/{release_id}/rollouts/{stage}/plan")
    return plan


def print_plan(plan: Json) -> None:
    """Print a plan: what is deployed where, and the difference to what serves now."""
    document = plan["plan"]
    target, deployment = document["target"], document["deployment"]
    say(f"{plan['release']} → {plan['stage']}: {target['workspace']}/{target['endpoint']}")
    if document["purpose"] == "adoption":
        print_found(document)
        say("  What serves there goes on serving.")
        for line in guardrail_lines(document):
            say(line)
        say(f"  plan {plan['digest']}")
        return
    model, environment = document["model"], document["environment"]
    say(f"  model        {model['name']} of {source_words(model['source'])}, {model['digest']}")
    say(f"  environment  {environment['name']}:{environment['version']}")
    say(f"  machines     {deployment['instance_count']} × {deployment['instance_type']}")
    for number, line in enumerate(traffic_lines(document)):
        say(f"  {'' if number else 'traffic':<12} {line}")
    for line in replay_lines(document["checks"].get("replay")):
        say(line)
    for line in guardrail_lines(document):
        say(line)
    replaces = document["replaces"]
    if replaces is None:
        say("  Replaces nothing: no deployment serves there.")
    elif plan["difference"] is None:
        say(f"  Replaces {replaces['deployment']}, made by others, model {replaces['model'] or 'unknown'}.")
    else:
        say(f"  Replaces {plan['replaces']}:")
        print_table(
            ["    field", "before", "new"],
            [(f"    {each['field']}", each["before"], each["after"]) for each in plan["difference"]],
            empty="    no other field changes",
        )
    say(f"  Serves there now: {serving_text(plan['serves'])}.")
    say(f"  plan {plan['digest']}")


def replay_lines(rules: Json | None) -> list[str]:
    """By what the answers to golden requests are judged beside those of what serves; none: all must be as expected."""
    if rules is None:
        return []
    wanted = []
    accuracy, latency = rules["accuracy"], rules["latency"]
    if accuracy is not None and accuracy["minimum"] is not None:
        wanted.append(f"accuracy at least {accuracy['minimum']:.2%}")
    if accuracy is not None and accuracy["worse_by"] is not None:
        wanted.append(f"at most {accuracy['worse_by']:g} points less accurate than what serves")
    if latency is not None:
        wanted.append(f"{latency['percentile']} at most {latency['ratio']:g} times that of what serves")
    return [f"  replay       {', '.join(wanted) or 'compared with what serves'}; judged by {rules['judge']}"]


def _decide(word: str, service: Client, release_id: str, stage: str, body: Json, *, as_json: bool) -> None:
    decided = service.post(f"/v1/releases/{release_id}/rollouts/{stage}/{word}", body)
    if as_json:
        print_json(decided)
        return
    say(f"{decided['id']}: {decided['status']}. {decided['sentence']}")


def waiting_rollout(release: Json) -> Json:
    """The rollout that waits for approval. Raises Conflict when none does."""
    for rollout in release["rollouts"]:
        if rollout["status"] == "pending_approval":
            found: Json = rollout
            return found
    raise Conflict(
        f"{release['id']} does not wait for approval: it is {release['status']}.",
        code="nothing_waits",
        hint=f"Show its state: mlrelease release show {release['id']}",
    )
