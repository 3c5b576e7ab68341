"""``mlrelease jobs``: training jobs."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from app.bundles.pack import pack
from app.cli.checkout import git_facts
from app.cli.client import Client
from app.cli.exits import Exit
from app.cli.logs import show_logs
from app.cli.options import DEFAULT_SERVER, AsJson, Cursor, Limit, Server
from app.cli.output import out, print_json, print_table, say, say_more, when
from app.cli.watching import watch_job
from app.errors import Invalid, NotFound

commands = typer.Typer()

Model = Annotated[str, typer.Option("--model", "-m", help="The model that it trains.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end; the exit status is the result.")]
Workspace = Annotated[str | None, typer.Option(help="Needed if several workspaces have a job of this name.")]


@commands.command()
def submit(
    file: Annotated[Path, typer.Argument(help="The job's YAML file. Its whole folder is submitted.")],
    model: Model,
    name: Annotated[str | None, typer.Option(help="The job's name in Azure ML. Default: a new one.")] = None,
    environment: Annotated[
        list[Path] | None,
        typer.Option(
            "--environment",
            "-e",
            help="YAML file of an environment in that folder, to register first if it is missing.",
        ),
    ] = None,
    watch: Watch = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Submit a training job to the workspace of the model's first stage."""
    service = Client(server)
    job = submit_file(service, file, model=model, name=name, environments=environment or [])
    _tell(service, job, watch=watch, as_json=as_json)


def submit_file(
    service: Client, file: Path, *, model: str, name: str | None = None, environments: Sequence[Path] = ()
) -> dict[str, Any]:
    """Upload the file's folder and submit it. Raises NotFound for a missing file, Invalid for one outside the folder."""
    for each in (file, *environments):
        if not each.is_file():
            raise NotFound(f"There is no file {each}.", code="file_not_found")
    named = [_inside(file.parent, each) for each in environments]
    asked: dict[str, Any] = {"model": model, "name": name, "entry": file.name, "environments": named}
    facts = git_facts(file.parent)
    if facts is not None:
        asked["git"] = facts
    bundle = service.upload(pack(file.parent, keep=[file.name, *named]))
    job: dict[str, Any] = service.post("/v1/jobs", {**asked, "bundle": bundle})
    return job


def _inside(folder: Path, file: Path) -> str:
    if not file.resolve().is_relative_to(folder.resolve()):
        raise Invalid(f"{file} is not in {folder}, the folder that is submitted.", code="file_outside_folder")
    return file.resolve().relative_to(folder.resolve()).as_posix()


@commands.command()
def record(
    name: Annotated[str, typer.Argument(help="The name of a job in the workspace of the model's first stage.")],
    model: Model,
    watch: Watch = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Record a job that exists in Azure ML; the service follows it to its end."""
    service = Client(server)
    job = service.post("/v1/jobs", {"model": model, "name": name})
    _tell(service, job, watch=watch, as_json=as_json)


@commands.command()
def show(
    name: Annotated[str, typer.Argument()],
    workspace: Workspace = None,
    watch: Watch = False,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Show a training job as it was last seen."""
    service = Client(server)
    job = service.get(f"/v1/jobs/{name}", workspace=workspace)
    _tell(service, job, watch=watch, as_json=as_json)


@commands.command()
def logs(
    name: Annotated[str, typer.Argument()],
    workspace: Annotated[str | None, typer.Option(help="Needed if several workspaces have a job of this name.")] = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """Show the last log lines of failed steps, without secrets. Needs the role requester or operator."""
    show_logs(Client(server), f"/v1/jobs/{name}/evidence", as_json=as_json, workspace=workspace)


@commands.command("list")
def list_jobs(
    model: Annotated[str | None, typer.Option("--model", "-m")] = None,
    limit: Limit = 20,
    cursor: Cursor = None,
    server: Server = DEFAULT_SERVER,
    as_json: AsJson = False,
) -> None:
    """List training jobs, the newest first."""
    page = Client(server).get("/v1/jobs", model=model, limit=limit, cursor=cursor)
    if as_json:
        print_json(page)
        return
    print_table(
        ["job", "model", "workspace", "status", "recorded", "ended"],
        [
            (job["name"], job["model"], job["workspace"], job["status"], when(job["created_at"]), when(job["ended_at"]))
            for job in page["items"]
        ],
        empty="There are no training jobs. Submit one: mlrelease jobs submit FILE --model MODEL",
    )
    say_more(page)


def _tell(service: Client, job: dict[str, Any], *, watch: bool, as_json: bool) -> None:
    end = Exit.FINE
    if watch:
        job, end = watch_job(service, job["name"], workspace=job["workspace"], quiet=as_json)
    if as_json:
        print_json(job)
    else:
        print_job(job, watched=watch)
    raise typer.Exit(end)


def print_job(job: dict[str, Any], *, watched: bool = False) -> None:
    """Print a training job; without its sentence if it was ``watched``."""
    say(f"{job['name']}  {job['status']}" + ("" if watched else f"  {job['sentence']}"))
    for label, value in (
        ("model", job["model"]),
        ("workspace", job["workspace"]),
        ("git commit", job["git_commit"]),
        ("environment", job["environment"]),
        ("studio", job["studio_url"]),
        ("outputs", ", ".join(job["outputs"])),
        ("metrics", ", ".join(f"{name} {_number(value)}" for name, value in job["metrics"].items())),
    ):
        if value:
            out.print(f"  {label:<12}{value}", markup=False)
    for child in job["children"]:
        out.print(f"  step        {child['display_name']}: {child['status']}", markup=False)


def _number(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
