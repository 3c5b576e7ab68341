"""``mlrelease demo``: a model from training to a prediction in production, on this machine."""

import getpass
import shutil
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from app.cli.client import Client
from app.cli.consumer import Consumer
from app.cli.decisions import plan_of, print_plan, waiting_rollout
from app.cli.demo_record import demo_record, write_record
from app.cli.exits import Exit
from app.cli.jobs import submit_file
from app.cli.models import apply_folder
from app.cli.options import AsJson
from app.cli.output import out, print_json, print_table, say, seconds
from app.cli.watching import is_interactive, watch_job, watch_release
from app.documents.json_object import Json
from app.errors import Misconfigured, MlreleaseError
from app.local.ports import free_port
from app.local.processes import ProcessEnded
from app.local.stack import Stack
from app.local.stopping import Stopped, stopped_by_signals

ROOT = Path(__file__).parents[2]
MODEL = "sentiment-model"
HOME = Path(".mlrelease")
LONGEST_MINUTES = 20

REVIEWS = (
    "A warm, clever film with a wonderful cast. I left the cinema smiling.",
    "Two hours of my life that I will never get back. Dull, clumsy and badly acted.",
    "Gorgeous to look at and deeply moving; the best thing I have seen this year.",
    "The script is a mess and the jokes fall flat. Avoid it.",
)


class DemoFailed(MlreleaseError):
    """The demo failed; the sentence says why, the hint where the logs are."""

    default_code = "demo_failed"


def demo(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Approve the release to prod without asking.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the scratch folder with everything in it.")] = False,
    folder: Annotated[Path | None, typer.Option(help="The scratch folder; default: a new one in .mlrelease.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model, release it to dev and prod, and call it, all on this machine."""
    scratch = folder or HOME / f"demo-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    with stopped_by_signals():
        try:
            record, azure = _run(scratch, asks=is_interactive() and not yes and not as_json, quiet=as_json)
        except MlreleaseError as error:
            raise DemoFailed(str(error), code=error.code, hint=f"The logs are in {scratch / 'logs'}") from error
        except Stopped:
            say(f"Stopped. The logs are in {scratch / 'logs'}")
            raise typer.Exit(Exit.CANCELLED) from None
    write_record(record, HOME / "demo.json")
    if as_json:
        print_json(record)
    else:
        _print_next_steps(f"MLRELEASE_DATA={scratch} MLRELEASE_EMULATOR_PORT={azure}" if keep else None)
    if not keep:
        shutil.rmtree(scratch)


def _run(scratch: Path, *, asks: bool, quiet: bool) -> tuple[Json, int]:
    """Start everything, train, release to dev, approve, release to prod, call the endpoint, and stop everything.

    Returns the demo's record and the emulator's port, which addresses in the Key Vault contain.
    """
    tell: Callable[[str], None] = _nothing if quiet else _tell
    definition, pipeline = ROOT / "deploy" / "models" / MODEL, ROOT / "training" / "pipeline.yml"
    if not definition.is_dir() or not pipeline.is_file():
        raise Misconfigured("The demo needs a checkout of mlrelease, with its deploy/ and training/ folders.")
    tell("Starting Azure ML (emulated), the API and a worker")
    # The database of the settings may be a team's own: the demo must not write there.
    with Stack(data=scratch, port=free_port(), emulator_port=0, variables={"MLRELEASE_DATABASE_URL": ""}) as stack:
        service = Client(stack.address, actor=getpass.getuser(), data=stack.data)
        check = _check_stack(stack)
        apply_folder(service, definition)

        tell("Training the model: an Azure ML pipeline job of three steps")
        environment = pipeline.parent / "environment" / "environment.yml"
        job = submit_file(service, pipeline, model=MODEL, environments=[environment])
        job, end = watch_job(service, job["name"], workspace=job["workspace"], quiet=quiet, check=check)
        if end is not Exit.FINE:
            raise DemoFailed(f"The training job {job['status'].lower()}: {job['sentence']}")
        tell(f"Its accuracy on unseen reviews is {job['metrics']['accuracy']:.1%}")

        release = service.post("/v1/releases", {"model": MODEL, "job": job["name"], "note": "The demo."})
        tell(f"Releasing it as {release['id']}: {' → '.join(release['stages'])}")
        release, end = watch_release(service, release["id"], wait_approval=False, quiet=quiet, check=check)
        if end is Exit.NEEDS_APPROVAL:
            _decide(service, release, asks=asks, quiet=quiet)
            release, end = watch_release(
                service, release["id"], wait_approval=True, quiet=quiet, shown=release, check=check
            )
        if end is not Exit.FINE:
            raise DemoFailed(f"The release {release['status'].replace('_', ' ')}: {release['sentence']}")

        tell("Calling the model in production, with the key from its Key Vault")
        predictions = _ask(service, stack, release)
        if not quiet:
            _print_answers(predictions)
            _print_times(release)
        azure = urlsplit(stack.azure_address or "").port or 0
    return demo_record(job, release, predictions), azure


def _check_stack(stack: Stack) -> Callable[[], None]:
    deadline = time.monotonic() + LONGEST_MINUTES * 60

    def check() -> None:
        stack.check()
        if time.monotonic() > deadline:
            raise ProcessEnded(f"The demo was not done after {LONGEST_MINUTES} minutes.")

    return check


def _decide(service: Client, release: Json, *, asks: bool, quiet: bool) -> None:
    """Show the plan that waits, and approve it: after a prompt on a terminal, else at once."""
    rollout = waiting_rollout(release)
    plan = plan_of(service, release["id"], rollout["stage"])
    if not quiet:
        _tell(f"The plan for {rollout['stage']}")
        print_plan(plan)
        print_table(
            ["  step", "after"],
            [(f"  {step['key']}", step["needs"]) for step in rollout["steps"]],
            empty="  nothing",
        )
    approved = not asks or typer.confirm(f"\nApprove the release to {rollout['stage']}?", default=True)
    if not asks and not quiet:
        say(f"\nApprove the release to {rollout['stage']}? There is no prompt here: yes.")
    answer, reason = (
        ("approve", "The plan was reviewed in the demo.") if approved else ("reject", "Rejected in the demo.")
    )
    service.post(
        f"/v1/releases/{release['id']}/rollouts/{rollout['stage']}/{answer}",
        {"reason": reason, "plan_digest": plan["digest"]},
    )


def _ask(service: Client, stack: Stack, release: Json) -> list[Any]:
    definition = service.get(f"/v1/models/{MODEL}/versions/{release['definition_version']}")["definition"]
    (prod,) = (stage for stage in definition["stages"] if stage["name"] == "prod")
    return Consumer(stack.environment).ask(prod["endpoint"], prod["key_vault"], REVIEWS)


def _print_answers(predictions: list[Any]) -> None:
    print_table(
        ["  review", "prediction"],
        [
            (f"  {review}", {1: "positive", 0: "negative"}[label])
            for review, label in zip(REVIEWS, predictions, strict=True)
        ],
        empty="",
    )


def _print_times(release: Json) -> None:
    _tell("The steps, and how long they took")
    print_table(
        ["  stage", "step", "status", "took", ""],
        [
            (f"  {rollout['stage']}", step["key"], step["status"], seconds(step["seconds"]), step["sentence"])
            for rollout in release["rollouts"]
            for step in rollout["steps"]
        ],
        empty="",
    )


def _print_next_steps(kept: str | None) -> None:
    _tell("Done. Everything is stopped; the record is in .mlrelease/demo.json")
    if kept is not None:
        say(f"  {kept} make up    start everything again, with this release")
    say("  make up                        start everything; then, in another terminal:")
    say("  .venv/bin/mlrelease --help     the commands")
    say("  http://127.0.0.1:8400/docs     the API documentation")


def _tell(sentence: str) -> None:
    out.print(f"\n[bold]{sentence}[/]")


def _nothing(_sentence: str) -> None:
    """Print nothing."""
