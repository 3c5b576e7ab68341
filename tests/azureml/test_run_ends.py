"""Why a training job failed: in its sentence, and its log kept, whatever that log is."""

import dataclasses
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlmodel import select

from app.azureml.facade import AzureML
from app.azureml.jobs import get_job, submit_job
from app.events.tables import Event
from app.evidence.cleaning import MOST_LINES
from app.evidence.service import evidence_on, subject_of_job
from app.execution.context import WorkerContext
from app.execution.poll_jobs import poll_job
from app.jobs.service import RECORDED
from app.jobs.tables import TrainingJob
from tests.azureml.fixtures import DEV, Trained, train
from tests.azureml.running import RunningEmulator
from tests.azureml.team import write_training
from tests.execution.instant import hands, worker
from tests.instant import Hands
from tests.waiting import wait_until

__all__ = ["Hands", "hands", "worker"]

PATIENCE_SECONDS = 60.0

FAILING = """
import sys
for number in range(30_000):
    print("epoch", number, "." * 100)
print("DB_PASSWORD=hunter2hunter2", "half\\0way", flush=True)
raise ValueError("no column 'age'; api_key=hunter2hunter2\\0")
"""


@pytest.fixture
def looking(worker: WorkerContext, azure: AzureML, trained: Trained) -> WorkerContext:
    """A worker that sees the emulator; the environment of the training is registered there."""
    assert trained.job
    return dataclasses.replace(worker, azure=azure)


def seen(worker: WorkerContext, name: str) -> TrainingJob:
    """The job's row after one look."""
    with worker.database.write() as session:
        job = TrainingJob(
            subscription=DEV.subscription,
            resource_group=DEV.resource_group,
            workspace=DEV.workspace,
            name=name,
            model="team",
            status=RECORDED,
            code="recorded",
            sentence="Recorded.",
            recorded_by="ana",
            created_at=datetime.now(UTC),
        )
        session.add(job)
        session.flush()
        assert job.id is not None
        job_id = job.id
    poll_job(worker, job_id)
    return worker.read(lambda session: session.get_one(TrainingJob, job_id))


def kept(worker: WorkerContext, job: TrainingJob) -> list[str]:
    found = worker.read(lambda session: evidence_on(session, [subject_of_job(job.id)]))
    return [str(each.text) for each in found]


def told(worker: WorkerContext) -> str:
    return str([each.data for each in worker.read(lambda session: session.exec(select(Event)).all())])


def a_command(folder: Path, command: str) -> Path:
    folder.mkdir()
    (folder / "pipeline.yml").write_text(
        f"type: command\ncommand: {command}\nenvironment: azureml:team-env@latest\ncompute: azureml:cpu-cluster\n"
    )
    return folder


def test_failed_step_of_a_pipeline_is_told_with_its_exception(
    looking: WorkerContext, azure: AzureML, tmp_path: Path
) -> None:
    folder = write_training(tmp_path / "team", command="python fail.py")
    (folder / "src" / "fail.py").write_text(FAILING)

    job = seen(looking, train(azure, folder, name="ends-pipeline"))

    assert (job.status, job.is_final) == ("Failed", True)
    assert job.sentence == (
        "Failed: train failed. Step train: ValueError: no column 'age'; api_key=[removed]. "
        "Log: mlrelease jobs logs ends-pipeline"
    )
    (text,) = kept(looking, job)
    assert text.startswith("train: user_logs/std_log.txt\nepoch ")
    assert text.rstrip().endswith("api_key=[removed]")
    assert len(text.split("\n")) == MOST_LINES + 1
    assert "hunter2" not in text + told(looking)
    assert "no column" not in told(looking)  # an event cannot be deleted


def test_command_that_fails_without_an_exception_is_told_with_its_last_line(
    looking: WorkerContext, azure: AzureML, tmp_path: Path
) -> None:
    folder = a_command(tmp_path / "team", "echo the disk is full && exit 3")

    job = seen(looking, train(azure, folder, name="ends-command"))

    assert "exited with status code 3. The log ends with: the disk is full." in job.sentence
    assert "std_log.txt" not in job.sentence
    assert len(kept(looking, job)) == 1


@pytest.mark.parametrize(
    ("path", "fault"),
    [
        ("/runs/ends-.*/details", {"status": 403, "code": "Forbidden"}),
        ("std_log", {"status": 404, "code": "BlobNotFound"}),
        pytest.param("std_log", {"cut": "before"}, marks=pytest.mark.slow),  # the SDK tries it again and again
    ],
)
def test_log_that_cannot_be_had_does_not_keep_the_end_from_being_known(
    looking: WorkerContext,
    azure: AzureML,
    emulator: RunningEmulator,
    tmp_path: Path,
    path: str,
    fault: dict[str, object],
) -> None:
    name = f"ends-without-{fault.get('status', 'answer')}"
    train(azure, a_command(tmp_path / "team", "echo out of luck && exit 3"), name=name)
    emulator.break_request(path, times=50, **fault)

    job = seen(looking, name)

    assert (job.status, job.is_final) == ("Failed", True)
    assert "Could not read" in job.sentence
    assert "mlrelease jobs logs" not in job.sentence
    assert len(job.sentence) < 700
    assert kept(looking, job) == []


def test_canceled_job_says_what_azure_says_of_it_and_how_far_it_came(
    looking: WorkerContext, azure: AzureML, tmp_path: Path
) -> None:
    came = tmp_path / "half-way"
    folder = a_command(tmp_path / "team", f"echo half way && touch {came} && exec sleep 600")
    name = f"ends-{uuid.uuid4().hex[:8]}"
    submit_job(azure, DEV, name, folder=folder, entry="pipeline.yml", bundle_digest="sha256:0", tags={})
    wait_for(azure, name, "running")
    wait_until(came.exists, what="the job has written its line")
    with azure.connect(DEV, doing="cancel") as client:
        client.jobs.begin_cancel(name).result()
    wait_for(azure, name, "canceled")

    job = seen(looking, name)

    assert job.sentence == (
        f"Canceled. Azure ML gave no reason. The log ends with: half way. Log: mlrelease jobs logs {name}"
    )
    assert len(kept(looking, job)) == 1


def wait_for(azure: AzureML, name: str, status: str) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while get_job(azure, DEV, name).status.lower() != status:
        assert time.monotonic() < until, f"{name} is not {status}"
        time.sleep(0.2)
