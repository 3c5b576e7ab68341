"""What is done in a child process when nothing has checked the folder before: the guard alone stands in the way."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from azure.ai.ml import load_environment, load_job

from app.azureml.confined import child_azure
from app.planning.places import Place


def submit_unchecked(workspace: Place, file: Path, name: str, environment: bool, settings: Mapping[str, Any]) -> None:
    with child_azure(settings).connect(workspace, doing="submit it") as client:
        if environment:
            client.environments.create_or_update(load_environment(file))
        else:
            job = load_job(file)
            job.name = name
            client.jobs.create_or_update(job)
