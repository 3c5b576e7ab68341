"""What git says of a folder goes with the job; nothing that the checkout configures is run for it."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.cli.checkout import git_facts
from app.execution.poll_jobs import _git_tags
from app.jobs.tables import TrainingJob


def git(folder: Path, *command: str) -> None:
    who = ("-c", "user.name=Anna", "-c", "user.email=anna@example.org")
    subprocess.run(["git", *who, *command], cwd=folder, check=True, capture_output=True, timeout=30)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet", "--initial-branch", "trunk")
    (tmp_path / "job").mkdir()
    (tmp_path / "job" / "job.yml").write_text("command: echo")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def test_facts_of_a_clean_and_of_a_changed_checkout(checkout: Path) -> None:
    facts = git_facts(checkout / "job")
    assert facts is not None
    assert (facts["author"], facts["branch"], facts["dirty"]) == ("Anna <anna@example.org>", "trunk", False)
    assert len(facts["commit"]) == 40

    (checkout / "job" / "job.yml").write_text("command: true")
    changed = git_facts(checkout / "job")
    assert changed == {**facts, "dirty": True}


def test_folder_that_the_checkout_ignores_is_not_what_was_committed(checkout: Path) -> None:
    (checkout / ".gitignore").write_text("scratch/")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "--message", "Ignore")
    (checkout / "scratch").mkdir()
    (checkout / "scratch" / "job.yml").write_text("command: false")

    facts = git_facts(checkout / "scratch")

    assert facts is not None
    assert facts["dirty"]


def test_folder_without_a_checkout_says_nothing(tmp_path: Path) -> None:
    assert git_facts(tmp_path) is None


def test_program_that_the_checkout_names_is_not_run(checkout: Path, tmp_path: Path) -> None:
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    monitor.chmod(0o755)
    git(checkout, "config", "core.fsmonitor", str(monitor))

    assert git_facts(checkout / "job") is not None
    assert not (tmp_path / "ran").exists()


def test_tags_say_who_said_it() -> None:
    job = TrainingJob(
        subscription="s",
        resource_group="g",
        workspace="w",
        name="job-1",
        status="Submitting",
        code="x",
        sentence="x",
        git={"commit": "a" * 40, "author": "Anna", "dirty": True},
        recorded_by="ci",
        created_at=datetime.now(UTC),
    )

    assert _git_tags(job) == {
        "mlrelease.git.author": "Anna",
        "mlrelease.git.dirty": "true",
        "mlrelease.git.said_by": "ci",
    }
