"""Training jobs as the adapter sees them."""

from pathlib import Path

import pytest
from azure.ai.ml.entities import Data

from app.azureml.errors import AlreadyExists, NotFound, SdkFailed
from app.azureml.facade import AzureML
from app.azureml.jobs import (
    download_output,
    environment_of_output,
    get_job,
    list_children,
    submit_job,
)
from app.azureml.names import parse_asset
from app.azureml.runs import read_run
from tests.azureml.fixtures import DEV, Trained, train
from tests.azureml.team import write_training


def test_completed_pipeline_tells_status_outputs_and_steps(azure: AzureML, trained: Trained) -> None:
    job = get_job(azure, DEV, trained.job)

    assert (job.status, job.is_final) == ("Completed", True)
    assert "model" in job.outputs
    assert [(child.display_name, child.status) for child in list_children(azure, DEV, trained.job)] == [
        ("train", "Completed")
    ]


def test_job_that_is_not_there_raises_not_found(azure: AzureML) -> None:
    with pytest.raises(NotFound, match="no-such-job"):
        get_job(azure, DEV, "no-such-job")


def test_submitting_again_attaches_to_the_same_job(azure: AzureML, trained: Trained, tmp_path: Path) -> None:
    folder = write_training(tmp_path / "again")

    again = submit_job(azure, DEV, trained.job, folder=folder, entry="pipeline.yml", bundle_digest="sha256:0", tags={})

    assert again.status == "Completed"


def test_submitting_something_else_under_a_taken_name_is_refused(
    azure: AzureML, trained: Trained, tmp_path: Path
) -> None:
    folder = write_training(tmp_path / "other")

    with pytest.raises(AlreadyExists, match=trained.job):
        submit_job(azure, DEV, trained.job, folder=folder, entry="pipeline.yml", bundle_digest="sha256:1", tags={})


def test_git_commit_is_what_was_said_and_not_this_checkout(azure: AzureML, trained: Trained, tmp_path: Path) -> None:
    folder = write_training(tmp_path / "told")
    submitted = submit_job(
        azure,
        DEV,
        "team-job-told",
        folder=folder,
        entry="pipeline.yml",
        bundle_digest="sha256:0",
        tags={},
        git_commit="abc123",
    )

    assert get_job(azure, DEV, trained.job).git_commit is None
    assert submitted.git_commit == "abc123"


def test_data_that_a_job_reads_is_named_by_its_version(azure: AzureML, trained: Trained, tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("1,2\n")
    with azure.connect(DEV, doing="register data") as client:
        client.data.create_or_update(
            Data(name="team-rows", version="4", path=str(tmp_path / "rows.csv"), type="uri_file")
        )
    folder = write_training(tmp_path / "reading")
    component, pipeline = folder / "train.yml", folder / "pipeline.yml"
    component.write_text(component.read_text().replace("inputs:\n", "inputs:\n  rows:\n    type: uri_file\n"))
    read = "{type: uri_file, path: 'azureml:team-rows@latest'}"
    text = pipeline.read_text().replace("    inputs:\n", f"    inputs:\n      rows: {read}\n")
    pipeline.write_text(text.replace("\noutputs:", f"\ninputs:\n  shared: {read}\n  epochs: 3\noutputs:", 1))

    submit_job(azure, DEV, "reads", folder=folder, entry="pipeline.yml", bundle_digest="sha256:0", tags={})

    version = f"azureml:{DEV.arm_id}/data/team-rows/versions/4"
    assert get_job(azure, DEV, "reads").inputs == {"shared": version, "train.rows": version}
    assert get_job(azure, DEV, trained.job).inputs == {}


def test_environment_of_an_output_is_the_one_of_the_step_that_made_it(azure: AzureML, trained: Trained) -> None:
    found = environment_of_output(azure, DEV, trained.job, "model")

    assert found is not None
    asset = parse_asset(found)
    assert asset is not None
    assert (asset.name, asset.version) == ("team-env", "1")


def test_output_is_downloaded_whole_or_in_part(azure: AzureML, trained: Trained, tmp_path: Path) -> None:
    whole = download_output(azure, DEV, trained.job, output="model", path=".", into=tmp_path / "whole")
    part = download_output(azure, DEV, trained.job, output="model", path="factor.json", into=tmp_path / "part")

    assert (whole.files, part.files) == (2, 1)
    assert part.root.read_text() == "3"
    assert whole.digest != part.digest


@pytest.mark.parametrize("kind", ["custom_model", "mlflow_model", "triton_model"])
def test_output_that_is_a_model_is_downloaded_too(azure: AzureML, trained: Trained, tmp_path: Path, kind: str) -> None:
    folder = write_training(tmp_path / "bundle", model_type=kind)
    name = train(azure, folder, name=f"team-job-{kind.replace('_', '-')}")

    found = download_output(azure, DEV, name, output="model", path=".", into=tmp_path / "got")
    plain = download_output(azure, DEV, trained.job, output="model", path=".", into=tmp_path / "plain")

    assert found.digest == plain.digest


def test_path_that_is_not_in_the_output_raises_not_found(azure: AzureML, trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"missing\.pkl"):
        download_output(azure, DEV, trained.job, output="model", path="missing.pkl", into=tmp_path)


def test_failed_job_is_final(azure: AzureML, trained: Trained, tmp_path: Path) -> None:
    folder = write_training(tmp_path / "failing", command="python -c 'raise SystemExit(3)'")

    assert get_job(azure, DEV, train(azure, folder, name="team-job-failing")).status == "Failed"
    assert trained.job


def test_run_record_has_times(azure: AzureML, trained: Trained) -> None:
    record = read_run(azure, DEV, trained.job)

    assert record.started_at is not None
    assert record.ended_at is not None
    assert record.started_at <= record.ended_at


@pytest.mark.parametrize(
    "answer", [[], {"error_code": "INTERNAL_ERROR"}, {"run": None}, {"run": {"data": {"metrics": [5]}}}]
)
def test_answer_about_a_run_that_is_none_is_an_error_of_azure(
    azure: AzureML, trained: Trained, monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    """As a gateway between may give it. The job is looked at again then, and not given up."""
    monkeypatch.setattr(AzureML, "get_json", lambda *_, **__: answer)

    with pytest.raises(SdkFailed, match="read what run"):
        read_run(azure, DEV, trained.job)
