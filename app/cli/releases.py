"""``mlrelease release``: request releases and follow them."""

from typing import Annotated, Any, NoReturn

import typer

from app.cli.client import Client
from app.cli.dry_runs import dry_run, print_checks
from app.cli.exits import Exit
from app.cli.logs import show_logs
from app.cli.options import DEFAULT_SERVER, AsJson, Cursor, Limit, Server
from app.cli.output import print_json, print_table, say, say_more, seconds, source_words, when
from app.cli.reports import show_reports
from app.cli.sources import FromRelease, Job, ModelVersion, source_in
from app.cli.watching import end_of_release, is_interactive, watch_release

commands = typer.Typer()

Release = Annotated[str, typer.Argument(help="The release's id, e.g. sentiment-model-7.", metavar="RELEASE")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end; the exit status is the result.")]
WaitApproval = Annotated[
    bool | None,
    typer.Option(
        "--wait-approval/--no-wait-approval",
        help="Keep watching while it waits for approval, or exit with 4. Default: keep watching on a terminal, else exit.",
        show_default=False,
    ),
]


@commands.command()
def create(
    model: Annotated[str, typer.Argument()],
    job: Job = None,
    model_version: ModelVersion = None,
    from_release: FromRelease = None,
    stage: Annotated[list[str] | None, typer.Option("--stage", "-s", help="Only these stages; repeatable.")] = None,
    definition_version: Annotated[int | None, typer.Option(help="Default: the newest.")] = None,
    note: Annotated[str | None, typer.Option(help="Its purpose.")] = None,
    key: Annotated[
        str | None, typer.Option(help="Idempotency key, e.g. the CI run's id: the same key gives the same release.")
    ] = None,
    watch: Watch = False,
    wait_approval: WaitApproval = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Request a release: of a training job's output, a registered model, or an earlier release's content."""
    source = source_in(job, model_version, from_release)
    service = Client(server)
    body = {"model": model, **source, "stages": stage or None, "definition_version": definition_version, "note": note}
    release = service.post("/v1/releases", body, key=key)
    said = f"{release['id']} was requested: {' → '.join(release['stages'])}.\n"
    end_request(service, release, said, watch=watch, wait_approval=wait_approval, as_json=as_json)


commands.command("dry-run")(dry_run)


@commands.command("list")
def list_releases(
    model: Annotated[str | None, typer.Option("--model", "-m")] = None,
    status: Annotated[list[str] | None, typer.Option("--status", help="Only these; repeatable.")] = None,
    job: Annotated[str | None, typer.Option("--job", "-j")] = None,
    asking: Annotated[bool, typer.Option("--asking", help="Only those that ask a person what to do.")] = False,
    limit: Limit = 20,
    cursor: Cursor = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List releases, the newest first."""
    page = Client(server).get(
        "/v1/releases",
        model=model,
        status=status or None,
        job=job,
        asking=True if asking else None,
        limit=limit,
        cursor=cursor,
    )
    if as_json:
        print_json(page)
        return
    print_table(
        ["release", "source", "stages", "status", "requested by", "changed", ""],
        [
            (
                each["id"],
                source_words(each["source"]),
                *(each[field] for field in ("stages", "status", "requested_by")),
                when(each["updated_at"]),
                each["sentence"],
            )
            for each in page["items"]
        ],
        empty="There are no such releases.",
    )
    say_more(page)


@commands.command()
def show(release: Release, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Show a release: its stages, steps and decisions."""
    found = Client(server).release(release).release
    if as_json:
        print_json(found)
    else:
        print_release(found)


@commands.command()
def watch(
    release: Release, wait_approval: WaitApproval = None, server: Server = DEFAULT_SERVER, as_json: AsJson = False
) -> None:
    """Follow a release to its end; the exit status is the result."""
    follow(Client(server), release, wait_approval=wait_approval, as_json=as_json)


@commands.command()
def logs(release: Release, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Show the last log lines of failed steps, without secrets. Needs the role requester or operator."""
    show_logs(Client(server), f"/v1/releases/{release}/evidence", as_json=as_json)


@commands.command()
def reports(release: Release, server: Server = DEFAULT_SERVER, as_json: AsJson = False) -> None:
    """Show what golden requests and analyses measured: accuracy, flips and latency beside what serves, and the verdicts."""
    show_reports(Client(server), f"/v1/releases/{release}/reports", as_json=as_json)


@commands.command()
def cancel(
    release: Release,
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    watch: Watch = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Cancel a release: at once, or at the running step's next safe point."""
    service = Client(server)
    found = service.post(f"/v1/releases/{release}/cancel", {"reason": reason})
    if watch:
        found, end = watch_release(service, release, wait_approval=False, quiet=as_json)
        ended = Exit.FINE if end is Exit.CANCELLED else Exit.REFUSED
    else:
        ended = Exit.FINE
    if as_json:
        print_json(found)
    elif not watch:
        say(f"{found['id']}: {found['status']}. {found['sentence']}")
    raise typer.Exit(ended)


@commands.command()
def events(
    release: Release,
    after: Annotated[int, typer.Option(min=0, help="Only events after this number.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 200,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List the events of a release."""
    page = Client(server).get(f"/v1/releases/{release}/events", after=after, limit=limit)
    if as_json:
        print_json(page)
        return
    print_table(
        ["#", "at", "event", "subject", "by", ""],
        [
            (each["seq"], when(each["at"]), each["kind"], each["subject"], each["actor"], each["data"].get("sentence"))
            for each in page["items"]
        ],
        empty="There are no more events.",
    )
    if page["next"]:
        say(f"More: --after {page['next']}")


def end_request(
    service: Client, release: dict[str, Any], said: str, *, watch: bool, wait_approval: bool | None, as_json: bool
) -> None:
    """Follow what was just asked for, or print it: ``said``, and how to follow it."""
    if watch:
        follow(service, release["id"], wait_approval=wait_approval, as_json=as_json)
    if as_json:
        print_json(release)
    else:
        say(f"{said}Follow it: mlrelease release watch {release['id']}")


def follow(service: Client, release_id: str, *, wait_approval: bool | None = None, as_json: bool) -> NoReturn:
    """Watch a release to its end, and exit with its result."""
    waits = is_interactive() if wait_approval is None else wait_approval
    release, end = watch_release(service, release_id, wait_approval=waits, quiet=as_json)
    if as_json:
        print_json(release)
    elif end is Exit.NEEDS_APPROVAL:
        say(f"It waits for approval: mlrelease approve {release_id}")
    raise typer.Exit(end)


def print_release(release: dict[str, Any]) -> None:
    """Print a release."""
    say(f"{release['id']}  {release['status']}  {release['sentence']}")
    say(
        f"  {source_words(release['source'])}, definition version {release['definition_version']}, requested by "
        f"{release['requested_by']} at {when(release['created_at'])}"
        + (f": {release['note']}" if release["note"] else "")
    )
    if release["content"]:
        say(f"  model content {release['content']['model_digest']}")
    print_checks([each for each in release["checks"] or [] if each["outcome"] != "passed"])
    for rollout in release["rollouts"]:
        say(
            f"\n{rollout['stage']}: {rollout['workspace']}/{rollout['endpoint']}  {rollout['status']}  {rollout['sentence']}"
        )
        for decision in rollout["decisions"]:
            word = "approved" if decision["approve"] else "rejected"
            say(
                f"  {word} by {decision['actor']} at {when(decision['at'])}"
                + (f": {decision['reason']}" if decision["reason"] else "")
            )
        print_steps(rollout["steps"])
        print_address(rollout["address"])
    if end_of_release(release) is None:
        say(f"\nFollow it: mlrelease release watch {release['id']}")


def print_address(address: dict[str, Any] | None) -> None:
    """Print the addresses of a stage's endpoint."""
    if address is None:
        return
    say(f"  scoring URI: {address['scoring_uri']} (auth_mode: {address['auth_mode']})")
    if address["openapi_uri"]:
        say(f"  OpenAPI URI: {address['openapi_uri']}")
    if address["secrets"]:
        say(f"  secrets in Key Vault {address['key_vault']}: {', '.join(address['secrets'])}")


def print_steps(steps: list[dict[str, Any]]) -> None:
    """Print a rollout's steps with their times."""
    print_table(
        ["  step", "status", "took", "attempts", ""],
        [
            (f"  {step['key']}", step["status"], seconds(step["seconds"]), step["attempts"], step["sentence"])
            for step in steps
        ],
        empty="  not planned yet",
    )
