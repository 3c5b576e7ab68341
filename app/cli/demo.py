"""``mlrelease demo``: a model from training to production, on this machine; with ``--canary`` also the next one beside it."""

import getpass
import shutil
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer

from app.cli import demo_words as words
from app.cli.client import Client
from app.cli.consumer import Consumer
from app.cli.decisions import plan_of, waiting_rollout
from app.cli.demo_callers import Callers, calling, film_reviews
from app.cli.demo_changes import RETRAINED, SHORT_BAKE, WITHOUT_NUMBERS, Change, changed_copy
from app.cli.demo_record import canary_record, demo_record, write_record
from app.cli.exits import Exit
from app.cli.jobs import submit_file
from app.cli.models import apply_folder
from app.cli.options import AsJson
from app.cli.output import print_json, say
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
SECONDS_BETWEEN_NEWS = 20

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
    canary: Annotated[
        bool,
        typer.Option("--canary", help="Release a second model beside the first, as a canary among callers: 3 minutes."),
    ] = False,
    bad: Annotated[
        bool, typer.Option("--bad", help="As --canary, but the second model fails at some requests: it is taken back.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Approve the releases to prod without asking.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the scratch folder with everything in it.")] = False,
    folder: Annotated[Path | None, typer.Option(help="The scratch folder; default: a new one in .mlrelease.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train a model, release it to dev and prod, and call it, all on this machine."""
    scratch = folder or HOME / f"demo-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    change = WITHOUT_NUMBERS if bad else RETRAINED if canary else None
    with stopped_by_signals():
        try:
            record, azure = _run(scratch, change, asks=is_interactive() and not yes and not as_json, quiet=as_json)
        except MlreleaseError as error:
            raise DemoFailed(str(error), code=error.code, hint=f"The logs are in {scratch / 'logs'}") from error
        except Stopped:
            say(f"Stopped. The logs are in {scratch / 'logs'}")
            raise typer.Exit(Exit.CANCELLED) from None
    write_record(record, HOME / "demo.json")
    if as_json:
        print_json(record)
    else:
        words.print_next_steps(
            f"MLRELEASE_DATA={scratch} MLRELEASE_EMULATOR_PORT={azure}" if keep else None, shown=change
        )
    if not keep:
        shutil.rmtree(scratch)


def _run(scratch: Path, change: Change | None, *, asks: bool, quiet: bool) -> tuple[Json, int]:
    """Start everything, train a model and release it; with a change, one that was trained with it as well; and stop everything.

    Returns the demo's record and the emulator's port, which addresses in the Key Vault contain.
    """
    tell = words.nothing if quiet else words.tell
    folder, training = ROOT / "deploy" / "models" / MODEL, ROOT / "training"
    if not folder.is_dir() or not (training / "pipeline.yml").is_file():
        raise Misconfigured("The demo needs a checkout of mlrelease, with its deploy/ and training/ folders.")
    tell("Starting Azure ML (emulated), the API and a worker")
    # The database of the settings may be a team's own: the demo must not write there.
    with Stack(data=scratch, port=free_port(), emulator_port=0, variables={"MLRELEASE_DATABASE_URL": ""}) as stack:
        service = Client(stack.address, actor=getpass.getuser(), data=stack.data)
        scene = _Scene(service, stack, tell, asks=asks, quiet=quiet, check=_check_stack(stack))
        apply_folder(service, changed_copy(folder, scratch / "definition", SHORT_BAKE))

        job = "an Azure ML pipeline job of three steps"
        tell(f"Training two models: {job} each, side by side" if change else f"Training a model: {job}")
        first = scene.train(training)
        second = scene.train(changed_copy(training, scratch / "training", [change])) if change else None
        first = scene.trained(first)
        release = scene.release(first, "The demo's first model.")
        scene.require(release, "succeeded")

        tell("Calling the model in production, with the key from its Key Vault")
        predictions = scene.ask(release, REVIEWS)
        if not quiet:
            words.print_answers(REVIEWS, predictions)
        record = demo_record(first, release, predictions)
        if second and change:
            record["canary"] = scene.go_on_with(second, change, instead_of=release)
        azure = urlsplit(stack.azure_address or "").port or 0
    return record, azure


@dataclass(frozen=True)
class _Scene:
    """What runs, and how it is told."""

    service: Client
    stack: Stack
    tell: Callable[[str], None]
    asks: bool
    quiet: bool
    check: Callable[[], None]

    def train(self, folder: Path) -> Json:
        """Submit the training job of a folder."""
        environment = folder / "environment" / "environment.yml"
        return submit_file(self.service, folder / "pipeline.yml", model=MODEL, environments=[environment])

    def trained(self, job: Json) -> Json:
        job, end = watch_job(self.service, job["name"], workspace=job["workspace"], quiet=self.quiet, check=self.check)
        if end is not Exit.FINE:
            raise DemoFailed(f"The training job {job['status'].lower()}: {job['sentence']}")
        self.tell(f"Its accuracy on unseen reviews is {job['metrics']['accuracy']:.1%}")
        return job

    def release(self, job: Json, note: str, *, check: Callable[[], None] | None = None) -> Json:
        """To dev and, once that is approved, to prod; as it is once it has ended."""
        release = self.service.post("/v1/releases", {"model": MODEL, "job": job["name"], "note": note})
        self.tell(f"Releasing it as {release['id']}: {' → '.join(release['stages'])}")
        how: dict[str, Any] = {"quiet": self.quiet, "check": check or self.check}
        release, end = watch_release(self.service, release["id"], wait_approval=False, **how)
        if end is not Exit.NEEDS_APPROVAL:
            return release
        self._decide(release)
        answer = _Answers(self.service)
        release, _ = watch_release(self.service, release["id"], wait_approval=True, shown=release, answer=answer, **how)
        return release

    def go_on_with(self, job: Json, change: Change, *, instead_of: Json) -> Json:
        """Release the second model while the first one is called; the record of it."""
        self.tell(f"The second model. {change.why}")
        if not self.quiet:
            words.print_change(change)
        job = self.trained(job)
        with Consumer(self.stack.environment) as consumer, self._calling(consumer, instead_of) as callers:
            self.tell("From now on callers send film reviews to production, a dozen a second")
            if not self.quiet:
                words.print_what_a_canary_is()
            release = self.release(job, change.why, check=self._telling(callers))
            self.require(release, "rolled_back" if change is WITHOUT_NUMBERS else "succeeded")
        record = canary_record(
            job,
            release,
            reports=self.service.get(f"/v1/releases/{release['id']}/reports")["items"],
            holds=self.service.get("/v1/freezes", model=MODEL)["items"],
            callers=callers,
        )
        if not self.quiet:
            words.print_outcome(self.service, MODEL, release, record, first=instead_of)
        return record

    def require(self, release: Json, status: str) -> None:
        if release["status"] != status:
            raise DemoFailed(f"The release {release['status'].replace('_', ' ')}: {release['sentence']}")

    def ask(self, release: Json, reviews: tuple[str, ...]) -> list[Any]:
        with Consumer(self.stack.environment) as consumer:
            return consumer.ask(*self._production(release), reviews)

    def _calling(self, consumer: Consumer, release: Json) -> AbstractContextManager[Callers]:
        return calling(consumer.application(*self._production(release)), film_reviews(ROOT))

    def _production(self, release: Json) -> tuple[str, str]:
        """The endpoint's name and its Key Vault's."""
        version = self.service.get(f"/v1/models/{MODEL}/versions/{release['definition_version']}")
        (prod,) = (stage for stage in version["definition"]["stages"] if stage["name"] == "prod")
        return prod["endpoint"], prod["key_vault"]

    def _telling(self, callers: Callers) -> Callable[[], None]:
        """Checks the stack, and says every now and then how the callers fare: a minute without a word is long."""
        said = time.monotonic()

        def check() -> None:
            nonlocal said
            self.check()
            if not self.quiet and time.monotonic() - said > SECONDS_BETWEEN_NEWS:
                said = time.monotonic()
                say(f"          Callers' requests so far: {callers}")

        return check

    def _decide(self, release: Json) -> None:
        """Show the plan that waits, and approve it: after a prompt on a terminal, else at once."""
        rollout = waiting_rollout(release)
        plan = plan_of(self.service, release["id"], rollout["stage"])
        if not self.quiet:
            words.print_plan_and_steps(plan, rollout)
        approved = not self.asks or typer.confirm(f"\nApprove the release to {rollout['stage']}?", default=True)
        if not self.asks and not self.quiet:
            say(f"\nApprove the release to {rollout['stage']}? There is no prompt here: yes.")
        answer, reason = (
            ("approve", "The plan was reviewed in the demo.") if approved else ("reject", "Rejected in the demo.")
        )
        self.service.post(
            f"/v1/releases/{release['id']}/rollouts/{rollout['stage']}/{answer}",
            {"reason": reason, "plan_digest": plan["digest"]},
        )


class _Answers:
    """To what an analysis could not decide, as a person would: on a busy machine, one minute may be too short for certainty."""

    def __init__(self, service: Client) -> None:
        self._service = service
        self._answered: set[str] = set()

    def __call__(self, release: Json) -> None:
        if release["code"] not in {"inconclusive", "no_data"}:
            self._answered.clear()  # it is under way again: whatever it asks next is a new question
            return
        if release["sentence"] in self._answered:
            return
        self._answered.add(release["sentence"])
        self._service.post(
            f"/v1/releases/{release['id']}/extend", {"reason": "The demo watches it for one more minute."}
        )


def _check_stack(stack: Stack) -> Callable[[], None]:
    deadline = time.monotonic() + LONGEST_MINUTES * 60

    def check() -> None:
        stack.check()
        if time.monotonic() > deadline:
            raise ProcessEnded(f"The demo was not done after {LONGEST_MINUTES} minutes.")

    return check
