"""Submit a training job by hand: ``python -m training.submit --help``.

The workspace is given by options or their environment variables; credentials are found as Azure's tools find them.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer
from azure.ai.ml import MLClient, load_environment, load_job
from azure.ai.ml.entities import Environment, Job
from azure.ai.ml.exceptions import ValidationException
from azure.core.exceptions import ResourceNotFoundError
from azure.identity import DefaultAzureCredential

from training.checkout import said_of

HERE = Path(__file__).parent
ENVIRONMENT = HERE / "environment" / "environment.yml"


def submit(
    job: Annotated[Path, typer.Argument(help="the job's YAML file")] = HERE / "pipeline.yml",
    *,
    subscription: Annotated[str, typer.Option(envvar="AZURE_SUBSCRIPTION_ID")],
    resource_group: Annotated[str, typer.Option(envvar="AZURE_RESOURCE_GROUP")],
    workspace: Annotated[str, typer.Option(envvar="AZURE_WORKSPACE")],
    reviews: Annotated[str | None, typer.Option(help="the pipeline's data set, a path or an azureml:// URI")] = None,
    minimum_accuracy: Annotated[float | None, typer.Option(help="the pipeline's gate")] = None,
) -> None:
    """Register the environment if it is not there as it is here, submit the job, print its name."""
    # A local stand-in for Azure cannot be looked up in Azure's list of authorities.
    credential = DefaultAzureCredential(disable_instance_discovery="AZURE_AUTHORITY_HOST" in os.environ)
    azure = MLClient(credential, subscription, resource_group, workspace)
    environment = registered(azure, load_environment(ENVIRONMENT))
    typer.echo(f"environment {environment.name}:{environment.version}", err=True)

    wanted = load_job(job, params_override=overrides(reviews, minimum_accuracy))
    write_checkout(wanted, job.parent)
    submitted = azure.jobs.create_or_update(wanted)
    typer.echo(f"follow it at {submitted.studio_url}", err=True)
    typer.echo(submitted.name)


def write_checkout(job: Job, folder: Path) -> None:
    """Have the job say of which commit, and whose, the folder is: who wrote it may not be who approves it."""
    said = said_of(folder)
    job.tags = {**(job.tags or {}), **said.tags}
    job.properties = {**(job.properties or {}), **said.properties}


def registered(azure: MLClient, wanted: Environment) -> Environment:
    """Return the latest version if it is what we want, else register the next."""
    with suppress(ResourceNotFoundError, ValidationException):  # both are how the SDK says that there is none
        latest: Environment = azure.environments.get(str(wanted.name), label="latest")
        if (latest.image, latest.conda_file) == (wanted.image, wanted.conda_file):
            return latest
    created: Environment = azure.environments.create_or_update(wanted)
    return created


def overrides(reviews: str | None, minimum_accuracy: float | None) -> list[dict[str, object]]:
    """What was asked for, in the place of what the pipeline's YAML says."""
    wanted: list[dict[str, object]] = []
    if reviews is not None:
        path = reviews if "://" in reviews else str(Path(reviews).resolve())
        wanted.append({"jobs.preprocess.inputs": {"reviews": {"type": "uri_file", "path": path}}})
    if minimum_accuracy is not None:
        wanted.append({"inputs.minimum_accuracy": minimum_accuracy})
    return wanted


if __name__ == "__main__":
    typer.run(submit)
