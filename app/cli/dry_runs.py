"""``mlrelease release dry-run``: what a release would do, and what would stop it. Changes nothing, and asks nobody."""

from typing import Annotated

import typer

from app.cli.client import PATIENCE_SECONDS, WAIT_SECONDS, Client
from app.cli.exits import Exit
from app.cli.guardrails import guardrail_lines
from app.cli.options import DEFAULT_SERVER, AsJson, Server
from app.cli.output import print_json, print_table, say, source_words
from app.cli.sources import FromRelease, Job, ModelVersion, source_in
from app.cli.traffic import traffic_lines
from app.documents.json_object import Json


def dry_run(
    model: Annotated[str, typer.Argument()],
    job: Job = None,
    model_version: ModelVersion = None,
    from_release: FromRelease = None,
    stage: Annotated[list[str] | None, typer.Option("--stage", "-s", help="Only these stages; repeatable.")] = None,
    definition_version: Annotated[int | None, typer.Option(help="Default: the newest.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Show what a release would do, without requesting it. Exit status 1: a check failed."""
    source = source_in(job, model_version, from_release)
    service = Client(server)
    body = {"model": model, **source, "stages": stage or None, "definition_version": definition_version}
    found = service.post("/v1/dry-runs", body)
    while found["state"] == "pending":
        found = service.get(f"/v1/dry-runs/{found['id']}", patience=PATIENCE_SECONDS, wait=WAIT_SECONDS)
    if as_json:
        print_json(found)
    else:
        print_dry_run(found)
    raise typer.Exit(Exit.FINE if found["state"] == "passed" else Exit.REFUSED)


def print_dry_run(found: Json) -> None:
    """A dry run as text: the content, each stage, each check, and the result."""
    if found["content"]:
        say(f"{found['model']} of {source_words(found['source'])}: {found['content']['model_digest']}")
    for stage in found["stages"]:
        _print_stage(stage)
    print_checks(found["checks"])
    say(f"\n{found['state']}: {found['sentence']}")


def print_checks(checks: list[Json]) -> None:
    """Print each check with its outcome, and what to do about a failure."""
    if not checks:
        return
    say("")
    print_table(
        ["stage", "check", "outcome", ""],
        [
            (
                each["stage"],
                each["check"],
                each["outcome"],
                f"{each['sentence']} {each['hint'] or ''}".strip() if each["outcome"] != "passed" else each["sentence"],
            )
            for each in checks
        ],
        empty="",
    )


def _print_stage(stage: Json) -> None:
    target, deployment = stage["plan"]["target"], stage["plan"]["deployment"]
    asked = stage["plan"]["approval"]
    say(f"\n{stage['stage']}: {target['workspace']}/{target['endpoint']}")
    say(f"  {deployment['instance_count']} × {deployment['instance_type'] or 'a size that Azure chooses'}")
    say("  no approval" if asked is None else f"  approvals: {asked['count']}")
    for line in guardrail_lines(stage["plan"]):
        say(line)
    for number, line in enumerate(traffic_lines(stage["plan"])):
        say(f"  {'  ' if number else 'traffic: '}{line}")
    say(f"  steps: {' → '.join(step['key'] for step in stage['plan']['steps'])}")
    replaces = stage["plan"]["replaces"]
    if replaces is None:
        return
    if stage["difference"] is None:
        say(f"  replaces {replaces['deployment']}, made by others, model {replaces['model'] or 'unknown'}")
        return
    say(f"  replaces {stage['replaces']}:")
    for change in stage["difference"]:
        say(f"    {change['field']}: {change['before']} → {change['after']}")
