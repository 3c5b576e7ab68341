"""Azure ML's many ways to name one asset, and versions that are strings."""

import pytest

from app.azureml.names import AssetName, job_output_uri, parse_asset, registry_uri
from app.azureml.types import RegistryRef
from app.azureml.versions import newest_first, next_version
from app.planning.places import Place

ARM = "/subscriptions/s/resourceGroups/g/providers/Microsoft.MachineLearningServices/workspaces/w/models/m/versions/3"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("azureml:env:3", AssetName("env", "3")),
        ("env:3", AssetName("env", "3")),
        ("azureml:env@latest", AssetName("env", None, "latest")),
        ("azureml://registries/r/models/m/versions/7", AssetName("m", "7", where=RegistryRef("r"))),
        (ARM, AssetName("m", "3", where=Place(subscription="s", resource_group="g", workspace="w"))),
        (f"azureml:{ARM}", AssetName("m", "3", where=Place(subscription="s", resource_group="g", workspace="w"))),
        ("env", None),
        ("azureml:env:3@latest", None),
        ("", None),
    ],
)
def test_reference_is_read(reference: str, name: AssetName | None) -> None:
    assert parse_asset(reference) == name


def test_uri_of_a_registry_reads_back() -> None:
    assert parse_asset(registry_uri(RegistryRef("r"), "models", "m", "1")) == AssetName(
        "m", "1", where=RegistryRef("r")
    )


@pytest.mark.parametrize(
    ("path", "ends"), [(".", "paths/"), ("", "paths/"), ("a/b.pkl", "paths/a/b.pkl"), ("a/", "paths/a")]
)
def test_path_in_an_output(path: str, ends: str) -> None:
    assert job_output_uri("job", "model", path) == f"azureml://jobs/job/outputs/model/{ends}"


@pytest.mark.parametrize(
    ("taken", "free"), [([], "1"), (["1"], "2"), (["9", "10", "2"], "11"), (["hotfix"], "1"), (["2024-01", "3"], "4")]
)
def test_next_version_is_chosen_by_number(taken: list[str], free: str) -> None:
    assert next_version(taken) == free


def test_newest_version_is_the_largest_number() -> None:
    assert newest_first(["9", "10", "b", "2", "a"]) == ["10", "9", "2", "b", "a"]
