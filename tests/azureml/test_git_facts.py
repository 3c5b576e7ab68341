"""What git says of a checkout stands on the job that is submitted from it, in Azure, where the rule on authors reads it."""

import dataclasses
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.approvals.policy import names_in
from app.azureml.facade import AzureML
from app.azureml.jobs import get_job
from app.bundles.archive import archive_digest
from app.bundles.pack import pack
from app.bundles.store import keep
from app.cli.checkout import git_facts
from app.execution.context import WorkerContext
from app.execution.poll_jobs import poll_job
from app.jobs.service import SUBMITTING
from app.jobs.tables import TrainingJob
from tests.azureml.fixtures import DEV, Trained
from tests.azureml.team import write_training
from tests.execution.instant import hands, worker
from tests.instant import Hands
from training.checkout import said_of
from training.submit import submit

__all__ = ["Hands", "hands", "worker"]

NAME = "job-of-a-checkout"


def git(folder: Path, *command: str) -> None:
    who = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org")
    subprocess.run(["git", *who, *command], cwd=folder, check=True, capture_output=True, timeout=30)


def checkout_with_changes(folder: Path) -> Path:
    write_training(folder)
    git(folder, "init", "--quiet", "--initial-branch", "trunk")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "Begin")
    (folder / "src" / "train.py").write_text("print('changed since')\n")
    return folder


def test_job_carries_commit_branch_and_author_of_its_checkout(
    worker: WorkerContext, azure: AzureML, trained: Trained, tmp_path: Path
) -> None:
    folder = checkout_with_changes(tmp_path / "team")
    facts, archive, now = git_facts(folder), pack(folder), datetime.now(UTC)
    assert facts is not None
    name = f"{NAME}-{facts['commit'][:12]}"
    with worker.database.write() as session:
        job = TrainingJob(
            subscription=DEV.subscription,
            resource_group=DEV.resource_group,
            workspace=DEV.workspace,
            name=name,
            model="team",
            status=SUBMITTING,
            code="submitting",
            sentence="Waits.",
            bundle_digest=keep(session, archive, digest=archive_digest(archive), now=now),
            entry="pipeline.yml",
            git=facts,
            recorded_by="pipeline",
            created_at=now,
        )
        session.add(job)
        session.flush()
        assert job.id is not None
        job_id = job.id

    poll_job(dataclasses.replace(worker, azure=azure), job_id)

    seen = get_job(azure, DEV, name)
    assert (seen.git_commit, seen.git_author) == (facts["commit"], "Anna <anna@example.org>")
    said = {key.removeprefix("mlrelease.git."): value for key, value in seen.tags.items() if ".git." in key}
    assert said == {"author": seen.git_author, "branch": "trunk", "dirty": "true", "said_by": "pipeline"}
    assert {"anna", "anna@example.org"} <= {each.lower() for each in names_in(str(seen.git_author))}
    assert trained.job


def test_job_that_is_submitted_by_hand_carries_the_same(
    azure: AzureML, trained: Trained, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = checkout_with_changes(tmp_path / "team")
    place = {"subscription": DEV.subscription, "resource_group": DEV.resource_group, "workspace": DEV.workspace}

    submit(folder / "pipeline.yml", **place, reviews=None, minimum_accuracy=None)

    seen, facts = get_job(azure, DEV, capsys.readouterr().out.split()[-1]), git_facts(folder)
    assert facts is not None
    assert (seen.git_commit, seen.git_author) == (facts["commit"], facts["author"])
    said = {key.removeprefix("mlrelease.git."): value for key, value in seen.tags.items() if ".git." in key}
    assert said == {"author": facts["author"], "branch": facts["branch"], "dirty": "true"}
    assert trained.environment


def test_job_that_is_submitted_by_hand_from_no_checkout_says_no_commit(tmp_path: Path) -> None:
    assert said_of(tmp_path) == ({}, {"mlflow.source.git.commit": ""})
