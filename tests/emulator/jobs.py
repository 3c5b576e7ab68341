"""What the tests of jobs share: small jobs as users write them, and waiting for their ends."""

import time
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from azure.ai.ml import MLClient

ENVIRONMENT = "azureml:plain:1"
FINAL = {"Completed", "Failed", "Canceled"}


def register_environment(client: "MLClient") -> None:
    """The environment that the tests' jobs name: an image and nothing else."""
    from azure.ai.ml.entities import Environment

    client.environments.create_or_update(
        Environment(name="plain", version="1", image="mcr.microsoft.com/azureml/base:1")
    )


def submit(client: "MLClient", folder: Path, yaml: str, **overrides: Any) -> str:
    """Write a job's YAML beside its code and submit it; the job's name."""
    from azure.ai.ml import load_job

    file = folder / "job.yml"
    file.write_text(dedent(yaml))
    job = load_job(file, params_override=[{key: value} for key, value in overrides.items()])
    return str(client.jobs.create_or_update(job).name)


def finished(client: "MLClient", name: str, *, within: float = 60) -> str:
    """Wait for a job's end; its status."""
    return next(status for status in statuses(client, name, within=within) if status in FINAL)


def until(client: "MLClient", name: str, wanted: str, *, within: float = 60) -> None:
    """Wait until a job has a status."""
    for status in statuses(client, name, within=within):
        if status == wanted:
            return
        assert status not in FINAL, f"{name} is {status}: {error_of(client, name)}"


def statuses(client: "MLClient", name: str, *, within: float) -> Iterator[str]:
    end = time.monotonic() + within
    while time.monotonic() < end:
        yield status_of(client, name)
        time.sleep(0.05)
    raise AssertionError(f"{name} is still {client.jobs.get(name).status} after {within} s")


def status_of(client: "MLClient", name: str) -> str:
    """A job's status in plain text: the SDK gives a member of an enum for some jobs, and text for others."""
    status = client.jobs.get(name).status
    return str(getattr(status, "value", status))


def run_of(client: "MLClient", name: str) -> Any:
    """A job as the run history has it."""
    return client.jobs._runs_operations.get_run(name)


def error_of(client: "MLClient", name: str) -> str:
    found = run_of(client, name).error
    return "" if found is None else str(found.error.message)


def steps_of(client: "MLClient", name: str) -> dict[str, Any]:
    """The steps of a pipeline job, by their names in it."""
    return {step.display_name: step for step in client.jobs.list(parent_job_name=name)}


def output_of(client: "MLClient", name: str, output: str, to: Path) -> dict[str, str]:
    """The files of a job's output, downloaded: relative path -> text."""
    client.jobs.download(name, output_name=output, download_path=to)
    root = to / "named-outputs" / output
    return {file.relative_to(root).as_posix(): file.read_text() for file in root.rglob("*") if file.is_file()}
