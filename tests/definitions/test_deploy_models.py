"""The definitions that the repository ships: fine for us, and for the real SDK."""

from pathlib import Path

import pytest

from app.bundles.archive import archive_digest
from app.bundles.pack import folder_digest, pack
from app.definitions.read import read_archive, read_definition

MODELS = Path(__file__).parents[2] / "deploy" / "models"
FOLDERS = sorted(file.parent for file in MODELS.glob("*/release.yml"))


def test_both_models_are_there() -> None:
    assert [folder.name for folder in FOLDERS] == ["sentiment-model", "summarization-model"]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_shipped_definition_is_fine(folder: Path) -> None:
    definition = read_archive(pack(folder))

    assert definition == read_definition(folder)
    assert definition.model.name == folder.name
    assert [(stage.name, stage.approval) for stage in definition.stages] == [("dev", "none"), ("prod", "required")]
    assert archive_digest(pack(folder)) == folder_digest(folder)


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_sdk_reads_a_shipped_endpoint_and_deployment(folder: Path) -> None:
    from azure.ai.ml import load_online_deployment, load_online_endpoint

    endpoint = load_online_endpoint(folder / "endpoint.yml", params_override=[{"name": "some-endpoint"}])
    deployment = load_online_deployment(
        folder / "deployment.yml", params_override=[{"name": "blue"}, {"endpoint_name": "some-endpoint"}]
    )

    code, limits = deployment.code_configuration, deployment.request_settings
    live, ready = deployment.liveness_probe, deployment.readiness_probe
    assert (endpoint.name, endpoint.auth_mode) == ("some-endpoint", "key")
    assert code is not None
    assert (folder / str(code.code) / str(code.scoring_script)).is_file()
    assert limits is not None
    assert limits.request_timeout_ms == 5000
    assert live is not None
    assert ready is not None
    assert (live.failure_threshold, ready.failure_threshold) == (30, 3)
