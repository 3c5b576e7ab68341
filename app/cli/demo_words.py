"""What the demo prints."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from app.cli.client import Client
from app.cli.decisions import print_plan
from app.cli.demo_changes import WITHOUT_NUMBERS, Change
from app.cli.freezes import show_freezes
from app.cli.output import out, print_table, say
from app.cli.reports import show_reports
from app.cli.served import show_served
from app.documents.json_object import Json


def tell(sentence: str) -> None:
    """What comes next."""
    out.print(f"\n[bold]{sentence}[/]")


def nothing(_sentence: str) -> None:
    """Print nothing."""


def print_change(change: Change) -> None:
    say(f"  training/{change.file}")
    for line in change.lines:
        say(f"  {line}")


def print_what_a_canary_is() -> None:
    say(
        "  In prod a model serves already. So the new one gets a quarter of the requests first, and both are compared over the"
    )
    say(
        "  same minutes, as Azure Monitor counted them: whole ones, so this takes two of them. What the plan says of the usual"
    )
    say("  traffic is of the last week, in which this endpoint was not there yet.")


def print_plan_and_steps(plan: Json, rollout: Json) -> None:
    tell(f"The plan for {rollout['stage']}")
    print_plan(plan)
    print_table(
        ["  step", "after"],
        [(f"  {step['key']}", step["needs"]) for step in rollout["steps"]],
        empty="  nothing",
    )


def print_answers(reviews: Sequence[str], predictions: Sequence[Any]) -> None:
    print_table(
        ["  review", "prediction"],
        [
            (f"  {review}", {1: "positive", 0: "negative"}[label])
            for review, label in zip(reviews, predictions, strict=True)
        ],
        empty="",
    )


def print_outcome(service: Client, model: str, release: Json, record: Json, *, first: Json) -> None:
    """What was measured, what callers noticed, what serves, and what is on hold."""
    tell(f"What was measured: mlrelease release reports {release['id']}")
    show_reports(service, f"/v1/releases/{release['id']}/reports", as_json=False)

    tell("What the callers noticed")
    made_by = {_deployment(each): each["id"] for each in (first, release)}
    print_table(
        ["  deployment", "of", "requests", "failed"],
        [
            (f"  {deployment}", made_by.get(deployment), seen["requests"], seen["failed"])
            for deployment, seen in record["callers"].items()
        ],
        empty="",
    )
    requests, failed = (sum(seen[each] for seen in record["callers"].values()) for each in ("requests", "failed"))
    say(f"  {failed} of all {requests} requests failed ({failed / max(1, requests):.2%}).")

    at = datetime.fromisoformat(record["analysis"]["from"]).astimezone()
    tell(f"What served meanwhile: mlrelease served {model} prod --at {at:%Y-%m-%dT%H:%M:%S}")
    show_served(service, model=model, stage="prod", at=at)
    tell(f"What serves now: mlrelease served {model}")
    show_served(service, model=model)
    if record["holds"]:
        tell("Nothing else is released there until somebody lifts the hold: mlrelease freeze list")
        show_freezes(service, model=model)
    tell(f"The release ended as {release['status']}")
    say(release["sentence"])


def print_next_steps(kept: str | None, *, shown: Change | None) -> None:
    tell("Done. Everything is stopped; the record is in .mlrelease/demo.json")
    if kept is not None:
        say(f"  {kept} make up    start everything again, with these releases")
    if shown is None:
        say(
            "  make demo ARGS=--canary        the same, and a second model beside it: a canary among callers, in three minutes"
        )
    if shown is not WITHOUT_NUMBERS:
        say("  make demo ARGS=--bad           the same with a second model that fails: it is stopped and taken back")
    say("  make up                        start everything; then, in another terminal:")
    say("  .venv/bin/mlrelease --help     the commands")
    say("  http://127.0.0.1:8400/docs     the API documentation")


def _deployment(release: Json) -> str:
    return str(next(each["deployment"] for each in release["rollouts"] if each["stage"] == "prod"))
