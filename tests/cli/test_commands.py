"""The command line against a running service."""

import json
import shutil
from pathlib import Path

import pytest

from app.cli.exits import Exit
from app.local.ports import free_port
from tests.cli.conftest import ROOT, Run

SENTIMENT = ROOT / "deploy" / "models" / "sentiment-model"


@pytest.fixture
def applied(run: Run) -> None:
    assert run("models", "apply", str(SENTIMENT)).exit_code == Exit.FINE


def test_help_tells_every_exit_status(run: Run) -> None:
    shown = " ".join(run("--help").stdout.split())
    assert all(f"{status.value} " in shown for status in Exit)


def test_unknown_option_is_a_usage_error(run: Run) -> None:
    assert run("models", "list", "--nope").exit_code == Exit.USAGE


def test_service_that_is_not_there_ends_with_its_own_status(run: Run) -> None:
    result = run("models", "list", "--server", f"http://127.0.0.1:{free_port()}")
    assert result.exit_code == Exit.UNREACHABLE
    assert "mlrelease up" in result.stderr
    assert result.stdout == ""


@pytest.mark.usefixtures("applied")
def test_same_folder_applied_again_is_unchanged(run: Run) -> None:
    again = json.loads(run("models", "apply", str(SENTIMENT), "--json").stdout)
    assert (again["model"], again["created"], again["stages"]) == ("sentiment-model", False, ["dev", "prod"])
    assert again["applied_by"] == "erika"


def test_mistakes_of_a_definition_name_the_file_as_seen_from_here(run: Run, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(SENTIMENT, tmp_path / "bad"))
    release = folder / "release.yml"
    release.write_text(release.read_text().replace("workspace: ws-dev", "workspce: ws-dev"))
    result = run("models", "apply", str(folder))
    assert result.exit_code == Exit.REFUSED
    assert f"{release}:" in result.stderr
    assert "workspce" in result.stderr


def test_refusal_in_json_is_the_problem_document_alone(run: Run) -> None:
    result = run("models", "show", "nope", "--json")
    assert result.exit_code == Exit.REFUSED
    assert json.loads(result.stdout)["status"] == 404
    assert result.stderr == ""


@pytest.mark.usefixtures("applied")
def test_models_are_listed_and_shown(run: Run) -> None:
    assert "sentiment-model" in run("models", "list").stdout
    shown = run("models", "show", "sentiment-model").stdout
    assert "sentiment-prod" in shown
    assert "required" in shown


def test_folder_that_is_not_there_is_told_without_asking_the_service(run: Run) -> None:
    result = run("models", "apply", "/nowhere", "--server", f"http://127.0.0.1:{free_port()}")
    assert result.exit_code == Exit.REFUSED
    assert "/nowhere" in result.stderr


@pytest.mark.usefixtures("applied")
def test_unknown_training_job_fails_the_watched_release(run: Run) -> None:
    result = run("release", "create", "sentiment-model", "--job", "no_such_job", "--watch")
    assert result.exit_code == Exit.REFUSED
    assert "no_such_job" in result.stdout
    listed = json.loads(run("release", "list", "--job", "no_such_job", "--json").stdout)["items"]
    assert [release["status"] for release in listed] == ["failed"]
    assert listed[0]["requested_by"] == "erika"
    assert "There are no such releases." in run("release", "list", "--asking").stdout


@pytest.mark.usefixtures("applied")
def test_same_key_asks_for_the_same_release(run: Run) -> None:
    ask = ("release", "create", "sentiment-model", "--job", "no_such_job", "--key", "ci-run-1", "--json")
    first, second = (json.loads(run(*ask).stdout) for _ in range(2))
    assert first["id"] == second["id"]


@pytest.mark.usefixtures("applied")
def test_unknown_training_job_is_recorded_and_told_once_azure_was_asked(run: Run) -> None:
    result = run("jobs", "record", "never_submitted", "--model", "sentiment-model", "--watch", "--json")
    assert result.exit_code == Exit.REFUSED
    assert json.loads(result.stdout)["code"] == "job_not_found"


@pytest.mark.usefixtures("applied")
def test_pipeline_that_is_not_there_is_told(run: Run) -> None:
    result = run("jobs", "submit", "nowhere/pipeline.yml", "--model", "sentiment-model")
    assert result.exit_code == Exit.REFUSED
    assert "nowhere/pipeline.yml" in result.stderr


@pytest.mark.usefixtures("applied")
def test_ended_release_has_nothing_to_approve_and_cannot_be_cancelled(run: Run) -> None:
    run("release", "create", "sentiment-model", "--job", "no_such_job", "--key", "ended", "--watch")
    release = json.loads(
        run("release", "create", "sentiment-model", "--job", "no_such_job", "--key", "ended", "--json").stdout
    )["id"]
    approved = run("approve", release, "--yes", "--json")
    assert (approved.exit_code, json.loads(approved.stdout)["code"]) == (Exit.REFUSED, "nothing_waits")
    cancelled = run("release", "cancel", release, "--json")
    assert (cancelled.exit_code, json.loads(cancelled.stdout)["code"]) == (Exit.REFUSED, "already_ended")
    events = json.loads(run("release", "events", release, "--json").stdout)["items"]
    assert events[0]["actor"] == "erika"


@pytest.mark.usefixtures("applied")
def test_plan_shows_what_stands_in_the_way_and_ends_with_1(run: Run) -> None:
    shown = run("release", "dry-run", "sentiment-model", "--job", "never_trained")
    document = json.loads(run("release", "dry-run", "sentiment-model", "--job", "never_trained", "--json").stdout)

    assert shown.exit_code == Exit.REFUSED
    assert "no training job never_trained" in shown.stdout
    assert "key_vault" in shown.stdout
    assert (document["state"], document["code"]) == ("failed", "job_not_found")
    assert json.loads(run("release", "list", "--job", "never_trained", "--json").stdout)["items"] == []
