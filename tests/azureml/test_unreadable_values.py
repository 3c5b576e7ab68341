"""A job's YAML that the SDK refuses, or stumbles over, is told in a sentence with file and line."""

import dataclasses
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from azure.ai.ml import load_job

from app.azureml.facade import AzureML
from app.azureml.refused_jobs import mistakes_told
from app.bundles.archive import archive_digest
from app.bundles.local_paths import require_local_paths
from app.bundles.pack import pack
from app.bundles.store import keep
from app.errors import Invalid
from app.execution.context import WorkerContext
from app.execution.poll_jobs import poll_job
from app.jobs.service import REFUSED, SUBMITTING
from app.jobs.tables import TrainingJob
from tests.azureml.fixtures import DEV
from tests.execution.instant import hands, worker
from tests.instant import Hands

__all__ = ["Hands", "hands", "worker"]

COMMAND = "type: command\ncommand: echo\nenvironment: azureml:e@latest\ncompute: azureml:cpu-cluster\n"
PIPELINE = "type: pipeline\njobs:\n  train:\n    type: command\n"
WITH_COMPONENT = f"{PIPELINE}    component: ./train.yml\n"
COMPONENT = 'type: command\nname: x\nversion: "1"\nenvironment: azureml:e@latest\ncommand: echo\n'

WRONG: dict[str, tuple[Mapping[str, str], str]] = {
    "misspelt": (
        {"job.yml": COMMAND.replace("command: echo", "comand: echo")},
        "job.yml:2: comand: is a key that Azure ML does not know; did you mean `command`?",
    ),
    "number as a component": ({"job.yml": f"{PIPELINE}    component: 5\n"}, "job.yml:5: jobs.train.component: must name a file"),
    "number as a trial": ({"job.yml": "type: sweep\ntrial: 5\n"}, "job.yml:2: trial: must name a file"),
    "list of jobs": ({"job.yml": "type: pipeline\njobs: [a]\n"}, "job.yml:2: jobs: must be a mapping"),
    "no jobs in a list": ({"job.yml": "type: pipeline\njobs: []\n"}, "job.yml:2: jobs: must be a mapping (`key: value`) of steps"),
    "number as a step's name": (
        {"job.yml": "type: pipeline\njobs:\n  5:\n    type: command\n    component: azureml:x:1\n"},
        "job.yml:3: jobs.5: is a name that must be text",
    ),
    "number as an output": ({"job.yml": f"{COMMAND}outputs:\n  model: 5\n"}, "job.yml:6: outputs.model: must be a mapping"),
    "list as a step's output": (
        {"job.yml": f"{PIPELINE}    component: azureml:x:1\n    outputs:\n      model: [1]\n"},
        "job.yml:7: jobs.train.outputs.model: must be a mapping",
    ),
    "component without steps": (
        {"job.yml": PIPELINE.replace("command", "pipeline") + "    component: ./train.yml\n", "train.yml": "type: pipeline\njobs: []\n"},
        "train.yml:2: jobs: must be a mapping (`key: value`) of steps",
    ),
    "component that takes a list": (
        {"job.yml": WITH_COMPONENT, "train.yml": f"{COMPONENT}inputs: []\n"},
        "inputs: must be a mapping",
    ),
    "list as an input": (
        {"job.yml": f"{WITH_COMPONENT}    inputs:\n      a: [1]\n", "train.yml": COMPONENT},
        "job.yml:7: jobs.train.inputs.a: must be a value or a mapping (`key: value`), not a list",
    ),
    "broken component": (
        {"job.yml": WITH_COMPONENT, "train.yml": "command: echo a: b\n"},
        "train.yml:1: is not YAML: mapping values are not allowed here",
    ),
    "component that is a list": ({"job.yml": WITH_COMPONENT, "train.yml": "- a\n"}, "train.yml:1: must be a mapping"),
    "itself": ({"job.yml": f"{PIPELINE}    component: ./job.yml\n"}, "job.yml:5: jobs.train.component: './job.yml' is this file"),
    "list": ({"job.yml": "- a\n"}, "job.yml:1: must be a mapping"),
    "not UTF-8": ({"job.yml": f"{COMMAND}description: caf\xe9\n"}, "job.yml: is not text in UTF-8"),
}  # fmt: skip


def as_each_submission_does(folder: Path) -> None:
    require_local_paths(folder, ["job.yml"])
    with mistakes_told(folder, "job.yml", doing="submit job.yml"):
        load_job(folder / "job.yml")._validate(raise_error=True)  # type: ignore[attr-defined] # has no public name


@pytest.mark.parametrize(("files", "said"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_told_with_file_and_line(files: Mapping[str, str], said: str, tmp_path: Path) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="latin-1")

    with pytest.raises(Invalid) as refused:
        as_each_submission_does(tmp_path)

    assert said in str(refused.value)
    for never in ("Validation for", "IntelliSense", "learn.microsoft.com", str(tmp_path), '"errors"'):
        assert never not in str(refused.value)
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("case", ["misspelt", "broken component", "number as a component", "itself"])
def test_job_of_such_a_folder_ends_refused(case: str, worker: WorkerContext, azure: AzureML, tmp_path: Path) -> None:
    files, said = WRONG[case]
    folder = tmp_path / "team"
    folder.mkdir()
    for name, text in files.items():
        (folder / name).write_text(text)
    now, archive = datetime.now(UTC), pack(folder)
    with worker.database.write() as session:
        job = TrainingJob(
            subscription=DEV.subscription,
            resource_group=DEV.resource_group,
            workspace=DEV.workspace,
            name="refused",
            status=SUBMITTING,
            code="submitting",
            sentence="Waits.",
            bundle_digest=keep(session, archive, digest=archive_digest(archive), now=now),
            entry="job.yml",
            recorded_by="ana",
            created_at=now,
        )
        session.add(job)
        session.flush()
        assert job.id is not None
        job_id = job.id

    poll_job(dataclasses.replace(worker, azure=azure), job_id)

    seen = worker.read(lambda session: session.get_one(TrainingJob, job_id))
    assert (seen.status, seen.is_final, seen.code) == (REFUSED, True, "job_refused")
    assert said in seen.sentence
