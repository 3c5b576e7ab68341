"""What content may come from, as it is written and read."""

import pytest
from pydantic import ValidationError

from app.planning.sources import JobSource, ModelSource, ModelVersion, ReleaseSource, read_source, say_source


@pytest.mark.parametrize(
    ("uri", "version"),
    [
        ("azureml:churn:3", ModelVersion(registry=None, name="churn", version="3")),
        (
            "azureml://registries/reg-shared/models/churn/versions/2026.1",
            ModelVersion(registry="reg-shared", name="churn", version="2026.1"),
        ),
    ],
)
def test_model_version_is_read(uri: str, version: ModelVersion) -> None:
    assert ModelSource(uri=uri).version == version


@pytest.mark.parametrize(
    "uri",
    [
        "azureml:churn@latest",  # another version tomorrow
        "azureml:churn",
        "churn:3",
        "azureml:churn:3/../4",
        "azureml://registries/reg-shared/models/churn/labels/latest",
        "azureml://registries/reg-shared/environments/churn/versions/3",
        "azureml://registries/reg/shared/models/churn/versions/3",
        "azureml:churn:3\n",
        "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/models/churn/versions/3",
    ],
)
def test_what_names_no_exact_version_is_refused(uri: str) -> None:
    with pytest.raises(ValidationError):
        ModelSource(uri=uri)


@pytest.mark.parametrize(
    "source", [JobSource(job="fox"), ModelSource(uri="azureml:churn:3"), ReleaseSource(release="churn-7")]
)
def test_source_is_what_was_written(source: JobSource | ModelSource | ReleaseSource) -> None:
    assert read_source(source.model_dump()) == source


def test_source_in_a_sentence() -> None:
    assert say_source(ReleaseSource(release="churn-7")) == "content of release churn-7"
