"""Finding out what exactly a release is about."""

from pathlib import Path
from typing import Any

import pytest

from app.azureml.errors import NotPermitted
from app.azureml.facade import AzureML
from app.azureml.jobs import submit_job
from app.steps.contract import Refused
from tests.azureml.fixtures import DEV, Trained, train
from tests.azureml.running import RunningEmulator
from tests.azureml.team import write_training
from tests.steps.fixtures import Team, place, registering, resolving


def test_completed_job_is_resolved_to_its_content(team: Team, trained: Trained) -> None:
    content = team.resolve_content(resolving(team, trained.job))

    assert content["model_uri"] == f"azureml://jobs/{trained.job}/outputs/model/paths/"
    assert content["model_files"] == 2
    assert content["model_digest"].startswith("sha256:")
    assert content["environment"]["name"] == "team-env"
    assert content["environment"]["version"] == "1"
    assert content["code_digest"].startswith("sha256:")


def test_the_same_job_resolves_to_the_same(team: Team, trained: Trained) -> None:
    first = team.resolve_content(resolving(team, trained.job))
    second = team.resolve_content(resolving(team, trained.job))

    assert first == second


def test_one_file_of_the_output_can_be_the_model(team: Team, trained: Trained) -> None:
    content = team.resolve_content(resolving(team, trained.job, model={"path": "factor.json"}))

    assert content["model_files"] == 1
    assert content["model_uri"].endswith("/paths/factor.json")


def test_environment_that_is_not_named_is_the_one_of_the_job(team: Team, trained: Trained) -> None:
    content = team.resolve_content(resolving(team, trained.job, environment=None))

    assert content["environment"]["id"] == trained.environment.id


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"source": {"kind": "job", "job": "no-such-job"}}, "job_not_found", "no-such-job"),
        ({"model": {"output": "weights"}}, "output_missing", "it has model"),
        ({"model": {"file": "model.pkl"}}, "model_file_missing", "factor.json"),
        ({"model": {"path": "nowhere"}}, "model_file_missing", "nowhere"),
        ({"environment": "azureml:no-env@latest"}, "environment_not_found", "no-env"),
        ({"environment": "azureml:team-env:77"}, "environment_not_found", "77"),
    ],
)
def test_what_is_missing_is_named(team: Team, trained: Trained, changes: dict[str, Any], code: str, says: str) -> None:
    with pytest.raises(Refused, match=says) as refused:
        team.resolve_content({**resolving(team, trained.job), **_merged(team, trained, changes)})

    assert refused.value.code == code


def test_workspace_that_is_not_there_is_named(team: Team, trained: Trained) -> None:
    nowhere = place(DEV.model_copy(update={"workspace": "ws-nowhere"}))

    with pytest.raises(Refused, match="ws-nowhere") as refused:
        team.resolve_content(resolving(team, trained.job, workspace=nowhere))

    assert refused.value.code == "workspace_not_found"


def test_failed_job_has_nothing_to_release(azure: AzureML, team: Team, trained: Trained, tmp_path: Path) -> None:
    folder = write_training(tmp_path / "failing", command="python -c 'raise SystemExit(3)'")
    job = train(azure, folder, name=f"{team.name}-failed")

    with pytest.raises(Refused, match="Failed") as refused:
        team.resolve_content(resolving(team, job))

    assert refused.value.code == "job_failed"
    assert trained.job


def test_running_job_is_not_finished(
    azure: AzureML, team: Team, trained: Trained, tmp_path: Path, emulator: RunningEmulator
) -> None:
    emulator.delay(job=30)
    job = f"{team.name}-slow"
    folder = write_training(tmp_path / "slow")
    submit_job(azure, DEV, job, folder=folder, entry="pipeline.yml", bundle_digest="sha256:0", tags={})

    with pytest.raises(Refused, match="not finished") as refused:
        team.resolve_content(resolving(team, job))

    assert refused.value.code == "job_not_finished"
    assert trained.job


def test_missing_role_is_not_permitted(
    team: Team, trained: Trained, emulator: RunningEmulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = emulator.new_principal(f"nobody-{team.name}", [])
    monkeypatch.setenv("AZURE_CLIENT_ID", nobody["client_id"])
    monkeypatch.setenv("AZURE_CLIENT_SECRET", nobody["secret"])
    from app.azureml.facade import open_azure

    team.azure = open_azure(team.azure.settings)
    with pytest.raises(NotPermitted, match=trained.job):
        team.resolve_content(resolving(team, trained.job))


def _merged(team: Team, trained: Trained, changes: dict[str, Any]) -> dict[str, Any]:
    return resolving(team, trained.job, **changes)


def test_code_is_digested_as_it_is_uploaded(team: Team, trained: Trained) -> None:
    code = team.bundle / "src"
    (code / ".amlignore").write_text("notes/\n")
    before = team.resolve_content(resolving(team, trained.job))["code_digest"]

    (code / "notes").mkdir()
    (code / "notes" / "secret.txt").write_text("secret")
    ignored = team.resolve_content(resolving(team, trained.job))["code_digest"]
    (code / "used.py").write_text("x = 1\n")
    used = team.resolve_content(resolving(team, trained.job))["code_digest"]

    assert ignored == before
    assert used != before


@pytest.mark.usefixtures("trained")  # its environment
def test_what_a_job_left_in_its_outputs_folder_is_named_and_registered(team: Team) -> None:
    job = _train_without_named_output(team)
    wanted = {"output": "default", "path": "outputs/best", "file": "factor.json"}

    content = team.resolve_content(resolving(team, job, model=wanted))
    registered = team.carry_out("register_model", registering(team, content)).output

    assert content["model_uri"] == f"azureml://jobs/{job}/outputs/artifacts/paths/outputs/best"
    assert content["model_files"] == 1
    assert registered["digest"] == content["model_digest"]


@pytest.mark.usefixtures("trained")
def test_job_without_named_outputs_is_told_what_to_write(team: Team) -> None:
    job = _train_without_named_output(team)

    with pytest.raises(Refused, match="it has no named outputs") as named:
        team.resolve_content(resolving(team, job))
    with pytest.raises(Refused, match=r"has nothing at outputs/worst; it has .*outputs/best/factor\.json") as elsewhere:
        team.resolve_content(resolving(team, job, model={"output": "default", "path": "outputs/worst"}))

    assert "model.output: default" in str(named.value.hint)
    assert elsewhere.value.code == "model_file_missing"


def _train_without_named_output(team: Team) -> str:
    folder = team.scratch / "job"
    folder.mkdir()
    (folder / "pipeline.yml").write_text(
        "command: mkdir -p outputs/best && echo 3 > outputs/best/factor.json\n"
        "environment: azureml:team-env@latest\n"
        "compute: azureml:cpu-cluster\n"
    )
    return train(team.azure, folder, name=f"{team.name}-plain")
